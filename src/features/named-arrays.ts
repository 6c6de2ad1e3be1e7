// The regions of one image out of named arrays: the names and shapes that the usual extractors give them.
import type { PickleValue } from '../checkpoint/pickle.js';
import { DataError } from '../errors.js';
import type { NumericArray } from '../formats/npy.js';
import { numbersOf } from '../formats/numpy-pickle.js';
import { MAX_REGIONS_IN_FILE, type RegionFeatures } from './region-features.js';

/** Names of features: the authors' (`box_features`), bottom-up attention's (`image_features`, `x`), MMF's and common ones. */
export const FEATURE_NAMES = [
  'box_features',
  'image_features',
  'features',
  'x',
  'feat',
  'bbox_features',
  'image_feat',
  'image_feature',
  'feature',
];
export const BOX_NAMES = ['cls_boxes', 'image_bb', 'bbox', 'boxes', 'box', 'bboxes', 'bbox_coords', 'image_bboxes'];
export const WIDTH_NAMES = ['image_w', 'image_width', 'img_w', 'width'];
export const HEIGHT_NAMES = ['image_h', 'image_height', 'img_h', 'height'];
/** Names of the image of each row, in tables. */
export const ID_NAMES = ['image_id', 'image_ids', 'img_id', 'img_ids', 'imgid', 'ids', 'id'];
export const COUNT_NAMES = ['num_bbox', 'num_boxes'];

/** Named arrays of one image, each read when it is asked for. */
export interface RegionRecord {
  readonly names: readonly string[];
  /** Null for what is no array of numbers. */
  get(name: string): NumericArray | null | Promise<NumericArray | null>;
}

/**
 * The regions in a record: features `[regions, d]`, `[d, regions]` (openvqa), a grid, or flat beside boxes; boxes and image size where they
 * are there.
 * @throws DataError when it has no features, or shapes that do not fit.
 */
export async function regionsOfRecord(record: RegionRecord, where: string): Promise<RegionFeatures> {
  const find = async (names: readonly string[]): Promise<NumericArray | undefined> => {
    const name = names.find((one) => record.names.includes(one));
    return name === undefined ? undefined : ((await record.get(name)) ?? undefined);
  };
  const features = await find(FEATURE_NAMES);
  if (features === undefined) {
    throw new DataError(
      `${where}: expected features under ${FEATURE_NAMES.join(', ')}, found the arrays ${record.names.join(', ')}`,
    );
  }
  const boxes = rows(await find(BOX_NAMES), 4);
  const told = (await find(COUNT_NAMES))?.data[0] ?? boxes?.shape[0];
  const regions = regionRows(oriented(features, told), where);
  if (boxes !== undefined && (boxes.shape.length !== 2 || boxes.shape[0] !== regions.count || boxes.shape[1] !== 4)) {
    throw new DataError(`${where}: expected boxes [${regions.count}, 4], found [${boxes.shape.join(', ')}]`);
  }
  const imageWidth = (await find(WIDTH_NAMES))?.data[0];
  const imageHeight = (await find(HEIGHT_NAMES))?.data[0];
  return {
    ...regions,
    ...(boxes === undefined ? {} : { boxes: boxes.data }),
    ...(imageWidth === undefined || imageHeight === undefined ? {} : { imageWidth, imageHeight }),
  };
}

/** A pickled dict as a record; the entries of a dict `info` in it count as its own. */
export function recordOfDict(dict: ReadonlyMap<PickleValue, PickleValue>, where: string): RegionRecord {
  const info = dict.get('info');
  const entries = new Map([...(info instanceof Map ? info : []), ...dict]);
  return {
    names: [...entries.keys()].filter((name) => typeof name === 'string'),
    get: (name) => numbersOf(entries.get(name), `${where}, ${name}`),
  };
}

/** Features as `[regions, d]` where they are flat, or transposed as openvqa keeps them. */
function oriented(features: NumericArray, told: number | undefined): NumericArray {
  if (told === undefined || told === 0) return features;
  const [a, b] = features.shape;
  if (features.shape.length === 1) return rows(features, features.data.length / told) ?? features;
  return features.shape.length === 2 && b === told && a !== told ? transpose(features) : features;
}

/** A flat array as rows of a width. */
function rows(array: NumericArray | undefined, width: number): NumericArray | undefined {
  if (array?.shape.length !== 1 || array.data.length % width !== 0) return array;
  return { shape: [array.data.length / width, width], data: array.data };
}

/** An array as rows of regions: `[regions, d]`, or a grid `[h, w, d]`, `[1, h, w, d]`, `[1, d, h, w]`. @throws DataError for other shapes. */
export function regionRows(array: NumericArray, where: string): RegionFeatures {
  const shape = array.shape.length === 4 && array.shape[0] === 1 ? array.shape.slice(1) : array.shape;
  const [a = 0, b = 0, c = 0] = shape;
  let [count, dim, data] = [a, b, array.data];
  if (shape.length === 3) {
    const channelsFirst = b === c && a !== b; // [d, h, w] with a square grid
    [count, dim] = channelsFirst ? [b * c, a] : [a * b, c];
    if (channelsFirst) data = transpose({ shape: [a, b * c], data }).data;
  } else if (shape.length !== 2) {
    throw new DataError(
      `${where}: expected features as [regions, d] or a grid of them, found [${array.shape.join(', ')}]`,
    );
  }
  if (count === 0 || dim === 0) throw new DataError(`${where}: holds no regions (shape [${array.shape.join(', ')}])`);
  if (count > MAX_REGIONS_IN_FILE)
    throw new DataError(`${where}: ${count} regions in one image; are its axes in another order?`);
  return { features: data, count, dim };
}

function transpose({ shape: [rowCount = 0, columns = 0], data }: NumericArray): NumericArray {
  const result = new Float32Array(data.length);
  for (let r = 0; r < rowCount; r++)
    for (let c = 0; c < columns; c++) result[c * rowCount + r] = data[r * columns + c] as number;
  return { shape: [columns, rowCount], data: result };
}
