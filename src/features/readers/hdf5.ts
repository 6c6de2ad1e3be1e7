// Region features in HDF5: tables with one row per image, tables of all regions with the rows of each image, or one group per image.
import { exists } from '#platform';
import { readWhole } from '../../platform/files.js';
import { DataError } from '../../errors.js';
import type { NumericArray } from '../../formats/npy.js';
import { sizeOf } from '../../shapes.js';
import { type Hdf5File, openHdf5 } from '../../formats/hdf5.js';
import { readNumpyPickle } from '../../formats/pickle/numpy-pickle.js';
import { widthFoundSource } from '../indexed-source.js';
import { openedWith, type RegionFeatures, type RegionFeatureSource } from '../region-features.js';
import { BOX_NAMES, COUNT_NAMES, FEATURE_NAMES, ID_NAMES, regionsOfArrays } from '../named-arrays.js';
import { firstOf } from '../../words.js';

/** First and last row of each image, in tables of all regions. */
const RANGES = 'pos_boxes';
/** x1, y1, x2, y2, width, height as shares of the image. */
const SHARES = 'spatial_features';

/** The rows of an image in a table: its own row, or the rows of its regions in a table of all regions. */
interface TableRow {
  row: number;
  regions?: { from: number; to: number };
}

/**
 * Opens an HDF5 file of region features: `image_features` `[n, regions, d]` (also `features`) with `image_bb`, or `[all regions, d]` with
 * `pos_boxes` `[n, 2]`; images by `image_id` in the file or by the pickled dict `<name>_imgid2idx.pkl` next to it. Or a group for each
 * image with `features`, `boxes`, `img_w`, `img_h`. Only the rows of an image are read, synchronously, so training is faster with
 * a store of this package.
 * @throws DataError when h5wasm is absent, the file has another layout or is damaged.
 * @see https://github.com/hengyuan-hu/bottom-up-attention-vqa/blob/master/tools/detection_features_converter.py
 */
export async function openHdf5Features(path: string, dim?: number): Promise<RegionFeatureSource> {
  return openedWith(await openHdf5(path), async (file) => {
    const names = file.namesIn('');
    const features = FEATURE_NAMES.find((name) => names.includes(name) && file.shapeOf(name) !== null);
    return features === undefined ? openGroups(file, names, dim) : openTable(file, names, features, dim);
  });
}

async function openGroups(file: Hdf5File, ids: readonly string[], dim?: number): Promise<RegionFeatureSource> {
  const [first] = ids;
  if (first === undefined) throw new DataError(`${file.name}: holds no images`);
  if (!file.namesIn(first).some((name) => FEATURE_NAMES.includes(name))) {
    throw new DataError(
      `${file.name}: expected a dataset image_features or features, or a group with one for each image; found ${firstOf(ids)}`,
    );
  }
  const read = (row: number, width?: number): Promise<RegionFeatures> => {
    const id = ids[row] ?? '';
    const arrays = { names: file.namesIn(id), get: (name: string) => file.numbers(`${id}/${name}`) };
    return regionsOfArrays(arrays, `${file.name}, image ${id}`, width);
  };
  return widthFoundSource({ name: file.name, ids, read, close: file.close }, dim);
}

async function openTable(
  file: Hdf5File,
  names: readonly string[],
  features: string,
  dim?: number,
): Promise<RegionFeatureSource> {
  const shape = file.shapeOf(features) ?? [];
  const rows = rowsOf(file, names, shape);
  const index = await rowIds(file, names);
  const ids = index.map(([id]) => id);
  const images = index.map(([id, row]) => {
    const found = rows[row];
    if (found !== undefined) return found;
    throw new DataError(`${file.name}, image ${id}: is in row ${row}, the file has ${rows.length}`);
  });
  const read = (row: number, width?: number): Promise<RegionFeatures> =>
    readRow(file, names, images[row] as TableRow, `${file.name}, image ${ids[row]}`, width);
  const valuesOfRow = sizeOf(shape.slice(1));
  const stated = statedCounts(file, names);
  const countOf = (row: number, width: number): number => {
    const { row: inTable, regions } = images[row] as TableRow;
    return stated?.[inTable] ?? (regions === undefined ? valuesOfRow / width : regions.to - regions.from);
  };
  return widthFoundSource({ name: file.name, ids, countOf, read, close: file.close }, dim);
}

/** The rows of a table of images, or of one of all regions with the range of each image. */
function rowsOf(file: Hdf5File, names: readonly string[], shape: readonly number[]): TableRow[] {
  const [n = 0] = shape;
  if (shape.length > 2) return Array.from({ length: n }, (_, row) => ({ row }));
  if (!names.includes(RANGES))
    throw new DataError(`${file.name}: features of all regions [${shape.join(', ')}] need ${RANGES} [images, 2]`);
  const data = file.ids(RANGES).map(Number); // exact even above 2^24, the limit of float32
  return Array.from({ length: Math.floor(data.length / 2) }, (_, row) => {
    const [from, to] = [data[2 * row] as number, data[2 * row + 1] as number];
    if (from >= 0 && from <= to && to <= n) return { row, regions: { from, to } };
    throw new DataError(`${file.name}, ${RANGES}: row ${row} names regions ${from} to ${to} of ${n}`);
  });
}

/** The number of regions of each row, in files that state it. */
function statedCounts(file: Hdf5File, names: readonly string[]): Float32Array | null {
  const name = COUNT_NAMES.find((one) => names.includes(one));
  return name === undefined ? null : file.numbers(name).data;
}

async function rowIds(file: Hdf5File, names: readonly string[]): Promise<(readonly [id: string, row: number])[]> {
  const idName = ID_NAMES.find((name) => names.includes(name));
  if (idName !== undefined) return file.ids(idName).map((id, row) => [id, row] as const);
  const path = file.name.replace(/\.[^./\\]*$/, '_imgid2idx.pkl');
  const index = (await exists(path)) ? readNumpyPickle(await readWhole(path), path) : null;
  if (!(index instanceof Map)) {
    throw new DataError(
      `${file.name}: no image ids for its rows; expected a dataset image_id, or a pickled dict { image id: row } in ${path}`,
    );
  }
  return [...index].map(([id, row]) => [String(id), Number(row)] as const);
}

async function readRow(
  file: Hdf5File,
  names: readonly string[],
  { row, regions: range }: TableRow,
  where: string,
  dim?: number,
): Promise<RegionFeatures> {
  const ofRegions = new Set([...FEATURE_NAMES, ...BOX_NAMES, SHARES]);
  const get = (name: string): NumericArray => {
    if (range !== undefined && ofRegions.has(name)) return file.numbers(name, range.from, range.to);
    const { shape, data } = file.numbers(name, row);
    return { shape: shape.slice(1), data };
  };
  const regions = await regionsOfArrays({ names, get }, where, dim);
  if (regions.imageWidth !== undefined || regions.boxes === undefined || !names.includes(SHARES)) return regions;
  return { ...regions, ...sizeFromShares(regions.boxes, get(SHARES).data) };
}

/** The image size for which the boxes give the shares: exact for the region that reaches furthest. */
function sizeFromShares(boxes: Float32Array, shares: Float32Array): { imageWidth: number; imageHeight: number } {
  const along = (axis: 2 | 3): number => {
    let best = 0;
    for (let i = 0; 4 * i < boxes.length; i++)
      if ((boxes[4 * i + axis] as number) > (boxes[4 * best + axis] as number)) best = i;
    return Math.round((boxes[4 * best + axis] as number) / (shares[6 * best + axis] as number));
  };
  return { imageWidth: along(2), imageHeight: along(3) };
}
