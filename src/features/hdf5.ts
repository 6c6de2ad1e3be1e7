// Region features in HDF5: tables with a row for each image, tables of all regions with the rows of each image, or a group for each image.
import { readFile } from 'node:fs/promises';
import { exists } from '#platform';
import { DataError } from '../errors.js';
import { type Hdf5File, openHdf5 } from '../formats/hdf5.js';
import { readNumpyPickle } from '../formats/numpy-pickle.js';
import { indexedSource, widthFoundSource } from './indexed-source.js';
import { firstRegions, openedWith, type RegionFeatures, type RegionFeatureSource } from './region-features.js';
import { BOX_NAMES, COUNT_NAMES, FEATURE_NAMES, ID_NAMES, regionsOfRecord } from './named-arrays.js';

/** First and last row of each image, in tables of all regions. */
const RANGES = 'pos_boxes';
/** x1, y1, x2, y2, width, height as shares of the image. */
const PLACES = 'spatial_features';

/** Where the regions of an image are in a table: its row, and the rows of its regions where those have a table of their own. */
interface Row {
  row: number;
  count: number;
  from?: number;
}

/**
 * Opens an HDF5 file of region features: `image_features` `[n, regions, d]` (also `features`) with `image_bb`, or `[all regions, d]` with
 * `pos_boxes` `[n, 2]`; images by `image_id` in the file or by the pickled dict `<name>_imgid2idx.pkl` beside it. Or a group for each
 * image with `features`, `boxes`, `img_w`, `img_h`. Only the rows of an image are read; that blocks, so a store of this package trains
 * faster.
 * @throws DataError when h5wasm is absent, the file has another layout or is damaged.
 * @see https://github.com/hengyuan-hu/bottom-up-attention-vqa/blob/master/tools/detection_features_converter.py
 */
export async function openHdf5Features(path: string): Promise<RegionFeatureSource> {
  return openedWith(await openHdf5(path), async (file) => {
    const names = file.namesIn('');
    const features = FEATURE_NAMES.find((name) => names.includes(name) && file.shapeOf(name) !== null);
    return features === undefined ? openGroups(file, names) : openTable(file, names, features);
  });
}

async function openGroups(file: Hdf5File, ids: readonly string[]): Promise<RegionFeatureSource> {
  const read = (id: string): Promise<RegionFeatures> =>
    regionsOfRecord(
      { names: file.namesIn(id), get: (name) => file.numbers(`${id}/${name}`) },
      `${file.name}, image ${id}`,
    );
  const [first] = ids;
  if (first === undefined) throw new DataError(`${file.name}: holds no images`);
  if (!file.namesIn(first).some((name) => FEATURE_NAMES.includes(name))) {
    throw new DataError(
      `${file.name}: expected a dataset image_features or features, or a group with one for each image; found ${ids.slice(0, 5).join(', ')}`,
    );
  }
  return widthFoundSource({ name: file.name, ids, read: (row) => read(ids[row] as string), close: file.close });
}

async function openTable(file: Hdf5File, names: readonly string[], features: string): Promise<RegionFeatureSource> {
  const shape = file.shapeOf(features) ?? [];
  const dim = (shape.length === 4 ? shape[1] : shape.at(-1)) ?? 0;
  const rows = rowsOf(file, names, shape);
  const index = await rowIds(file, names);
  const ids = index.map(([id]) => id);
  const images = index.map(([id, row]) => {
    const found = rows[row];
    if (found !== undefined) return found;
    throw new DataError(`${file.name}, image ${id}: stands in row ${row}, the file has ${rows.length}`);
  });
  return indexedSource({
    name: file.name,
    dim,
    ids,
    countOf: (row) => images[row]?.count,
    read: (row) => readRow(file, names, images[row] as Row, `${file.name}, image ${ids[row]}`),
    close: file.close,
  });
}

/** The rows of a table; a dataset of counts tells how many regions of a padded row are real. */
function rowsOf(file: Hdf5File, names: readonly string[], shape: readonly number[]): Row[] {
  const [n = 0, regions = 0] = shape;
  if (shape.length === 2) {
    if (!names.includes(RANGES))
      throw new DataError(`${file.name}: features of all regions [${shape.join(', ')}] need ${RANGES} [images, 2]`);
    const data = file.ids(RANGES).map(Number); // exact beyond the 2^24 regions that float32 counts
    return Array.from({ length: data.length / 2 }, (_, row) => {
      const [from, to] = [data[2 * row] as number, data[2 * row + 1] as number];
      if (from < to && to <= n) return { row, from, count: to - from };
      throw new DataError(`${file.name}, ${RANGES}: row ${row} names regions ${from} to ${to} of ${n}`);
    });
  }
  const countName = COUNT_NAMES.find((name) => names.includes(name));
  const counts = countName === undefined ? null : file.numbers(countName).data;
  const all = shape.length === 4 ? (shape[2] ?? 0) * (shape[3] ?? 0) : regions;
  return Array.from({ length: n }, (_, row) => ({ row, count: Math.min(all, counts?.[row] ?? all) }));
}

async function rowIds(file: Hdf5File, names: readonly string[]): Promise<(readonly [id: string, row: number])[]> {
  const idName = ID_NAMES.find((name) => names.includes(name));
  if (idName !== undefined) return file.ids(idName).map((id, row) => [id, row] as const);
  const path = file.name.replace(/\.[^./\\]*$/, '_imgid2idx.pkl');
  const index = (await exists(path)) ? readNumpyPickle(await readFile(path), path) : null;
  if (!(index instanceof Map)) {
    throw new DataError(
      `${file.name}: nothing tells which row is which image; expected a dataset image_id, or a pickled dict { image id: row } in ${path}`,
    );
  }
  return [...index].map(([id, row]) => [String(id), Number(row)] as const);
}

async function readRow(
  file: Hdf5File,
  names: readonly string[],
  { row, count, from }: Row,
  where: string,
): Promise<RegionFeatures> {
  const ofRegions = new Set([...FEATURE_NAMES, ...BOX_NAMES, PLACES]);
  const get = (name: string): { shape: readonly number[]; data: Float32Array } => {
    if (from !== undefined && ofRegions.has(name)) return file.numbers(name, from, from + count);
    const { shape, data } = file.numbers(name, row);
    return { shape: shape.slice(1), data };
  };
  const padded = await regionsOfRecord({ names: names.filter((name) => !COUNT_NAMES.includes(name)), get }, where);
  const regions = firstRegions(padded, count);
  if (regions.imageWidth !== undefined || regions.boxes === undefined || !names.includes(PLACES)) return regions;
  return { ...regions, ...sizeFromPlaces(regions.boxes, get(PLACES).data) };
}

/** The image size that makes shares out of boxes: exact for the region that reaches furthest. */
function sizeFromPlaces(boxes: Float32Array, places: Float32Array): { imageWidth: number; imageHeight: number } {
  const along = (axis: 2 | 3): number => {
    let best = 0;
    for (let i = 0; 4 * i < boxes.length; i++)
      if ((boxes[4 * i + axis] as number) > (boxes[4 * best + axis] as number)) best = i;
    return Math.round((boxes[4 * best + axis] as number) / (places[6 * best + axis] as number));
  };
  return { imageWidth: along(2), imageHeight: along(3) };
}
