// Region features in one `.npy` or `.npz` file for each image, in the layouts that the authors, MMF, openvqa and bottom-up attention write.
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { openSource } from '#platform';
import { DataError } from '../errors.js';
import { imageKey } from './image-key.js';
import { readNpy, type NpyArray } from './npy.js';
import { type NpzFile, openNpz } from './npz.js';
import {
  indexIds,
  MAX_REGIONS_IN_FILE,
  missingImage,
  type RegionFeatures,
  type RegionFeatureSource,
} from './region-features.js';

/** Names of the arrays in `.npz` files: the authors' (`box_features`), bottom-up attention's (`image_features`, `x`) and common ones. */
const FEATURE_NAMES = ['box_features', 'image_features', 'features', 'x', 'feat'];
const BOX_NAMES = ['cls_boxes', 'image_bb', 'bbox', 'boxes', 'bboxes'];
const WIDTH_NAMES = ['image_w', 'image_width', 'img_w', 'width'];
const HEIGHT_NAMES = ['image_h', 'image_height', 'img_h', 'height'];
const COUNT_NAMES = ['num_bbox', 'num_boxes'];

/**
 * Opens a folder (and those inside it) of `<image id>.npy` or `<image id>.npz` files. `.npy`: `[regions, d]`, or a grid `[h, w, d]`,
 * `[1, h, w, d]`, `[1, d, h, w]` whose cells become regions. `.npz`: the features under a usual name, with boxes and image size if there.
 * @throws DataError when the folder holds no such file; when reading, for arrays of another shape or width.
 */
export async function openFolderFeatures(folder: string): Promise<RegionFeatureSource> {
  const names = await readdir(folder, { recursive: true });
  const files = names.filter((name) => /\.np[yz]$/.test(name) && !name.endsWith('_info.npy')).sort();
  const idOf = (file: string): string =>
    file
      .split(sep)
      .at(-1)
      ?.replace(/(\.jpe?g|\.png)?\.np[yz]$/i, '') ?? file;
  const index = indexIds(
    files.map((file) => [idOf(file), join(folder, file)] as const),
    imageKey,
    folder,
  );
  const [first] = index.values();
  if (first === undefined)
    throw new DataError(`${folder}: holds no .npy or .npz file; one for each image is expected, named by its id`);
  const { dim } = await readFeatureFile(first);
  return {
    name: folder,
    dim,
    ids: () => files.map(idOf),
    has: (id) => index.has(imageKey(id)),
    read: async (id) => {
      const path = index.get(imageKey(id));
      if (path === undefined) throw missingImage(folder, id);
      const regions = await readFeatureFile(path);
      if (regions.dim !== dim) {
        throw new DataError(
          `${path}: its features are ${regions.dim} wide, those of ${relative(folder, first)} ${dim}; use one detector for all`,
        );
      }
      return regions;
    },
    close: async () => undefined,
  };
}

async function readFeatureFile(path: string): Promise<RegionFeatures> {
  if (path.endsWith('.npy')) return regionRows(readNpy(await readFile(path), path), path);
  const source = await openSource(path);
  try {
    return await readNpzRegions(await openNpz(source), path);
  } finally {
    await source.close();
  }
}

async function readNpzRegions(file: NpzFile, path: string): Promise<RegionFeatures> {
  const find = async (names: readonly string[]): Promise<NpyArray | undefined> => {
    const name = names.find((one) => file.names.includes(one));
    return name === undefined ? undefined : file.read(name);
  };
  const features = await find(FEATURE_NAMES);
  if (features === undefined) {
    throw new DataError(
      `${path}: expected features under ${FEATURE_NAMES.join(', ')}, found the arrays ${file.names.join(', ')}`,
    );
  }
  const boxes = await find(BOX_NAMES);
  const told = (await find(COUNT_NAMES))?.data[0] ?? boxes?.shape[0];
  // openvqa keeps features as [d, regions]
  const isTransposed =
    features.shape.length === 2 && told !== undefined && features.shape[1] === told && features.shape[0] !== told;
  const regions = regionRows(isTransposed ? transpose(features) : features, path);
  if (boxes !== undefined && (boxes.shape.length !== 2 || boxes.shape[0] !== regions.count || boxes.shape[1] !== 4)) {
    throw new DataError(`${path}: expected boxes [${regions.count}, 4], found [${boxes.shape.join(', ')}]`);
  }
  const imageWidth = (await find(WIDTH_NAMES))?.data[0];
  const imageHeight = (await find(HEIGHT_NAMES))?.data[0];
  return {
    ...regions,
    ...(boxes === undefined ? {} : { boxes: boxes.data }),
    ...(imageWidth === undefined || imageHeight === undefined ? {} : { imageWidth, imageHeight }),
  };
}

/** An array as rows of regions. */
function regionRows(array: NpyArray, path: string): RegionFeatures {
  const shape = array.shape.length === 4 && array.shape[0] === 1 ? array.shape.slice(1) : array.shape;
  const [a = 0, b = 0, c = 0] = shape;
  let [count, dim, data] = [a, b, array.data];
  if (shape.length === 3) {
    const channelsFirst = b === c && a !== b; // [d, h, w] with a square grid
    [count, dim] = channelsFirst ? [b * c, a] : [a * b, c];
    if (channelsFirst) data = transpose({ shape: [a, b * c], data }).data;
  } else if (shape.length !== 2) {
    throw new DataError(
      `${path}: expected features as [regions, d] or a grid of them, found [${array.shape.join(', ')}]`,
    );
  }
  if (count === 0 || dim === 0) throw new DataError(`${path}: holds no regions (shape [${array.shape.join(', ')}])`);
  if (count > MAX_REGIONS_IN_FILE)
    throw new DataError(`${path}: ${count} regions in one image; are its axes in another order?`);
  return { features: data, count, dim };
}

function transpose({ shape: [rows = 0, columns = 0], data }: Pick<NpyArray, 'shape' | 'data'>): NpyArray {
  const result = new Float32Array(data.length);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) result[c * rows + r] = data[r * columns + c] as number;
  return { shape: [columns, rows], dtype: '<f4', data: result };
}
