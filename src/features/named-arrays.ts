// The regions of one image from named arrays, with the names and shapes of the common extractors.
import type { PickleValue } from '../formats/pickle/pickle-values.js';
import { DataError } from '../errors.js';
import type { NumericArray } from '../formats/npy.js';
import { numbersOf } from '../formats/pickle/numpy-pickle.js';
import { regionRows, withoutBatchAxis } from './feature-axes.js';
import { stackedNumbers } from './nested-lists.js';
import { firstRegions, type RegionFeatures } from './region-features.js';

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
/** Names of the column with each row's image id, in tables. */
export const ID_NAMES = ['image_id', 'image_ids', 'img_id', 'img_ids', 'imgid', 'ids', 'id'];
/** Names of the number of regions, where arrays are padded to a common one. */
export const COUNT_NAMES = ['num_boxes', 'num_bbox', 'num_bboxes', 'num_regions', 'num_box', 'num_rois'];

/** Named arrays of one image, each read on request. */
export interface NamedArrays {
  readonly names: readonly string[];
  /** Null for anything but an array of numbers. */
  get(name: string): NumericArray | null | Promise<NumericArray | null>;
}

/**
 * The regions in named arrays: features of any shape that `regionRows` reads, with boxes and image size if present; from padded arrays
 * only the stated number of regions.
 * @param dim the width of the features where it is known, which distinguishes the axes of grids.
 * @throws DataError when there are no features, or shapes and numbers that do not fit.
 */
export async function regionsOfArrays(arrays: NamedArrays, where: string, dim?: number): Promise<RegionFeatures> {
  const find = async (names: readonly string[]): Promise<NumericArray | undefined> => {
    const name = names.find((one) => arrays.names.includes(one));
    return name === undefined ? undefined : ((await arrays.get(name)) ?? undefined);
  };
  const features = await find(FEATURE_NAMES);
  if (features === undefined) {
    throw new DataError(
      `${where}: expected features under ${FEATURE_NAMES.join(', ')}, found the arrays ${arrays.names.join(', ')}`,
    );
  }
  const stated = statedCount(await find(COUNT_NAMES), where);
  const boxes = asBoxes(await find(BOX_NAMES));
  const padded = regionRows(features, { dim, boxes: boxes?.shape[0], stated }, where);
  const count = stated ?? padded.count;
  if (count > padded.count) {
    throw new DataError(`${where}: states ${count} regions, its features have ${padded.count} rows`);
  }
  if (
    boxes !== undefined &&
    !(boxes.shape.length === 2 && boxes.shape[1] === 4 && [count, padded.count].includes(boxes.shape[0] as number))
  ) {
    throw new DataError(`${where}: expected boxes [${padded.count}, 4], found [${boxes.shape.join(', ')}]`);
  }
  const imageWidth = (await find(WIDTH_NAMES))?.data[0];
  const imageHeight = (await find(HEIGHT_NAMES))?.data[0];
  const regions = {
    ...padded,
    ...(boxes === undefined ? {} : { boxes: boxes.data }),
    ...(imageWidth === undefined || imageHeight === undefined ? {} : { imageWidth, imageHeight }),
  };
  return firstRegions(regions, count);
}

/** The entries of a pickled dict; those of a dict `info` in it count as its own. */
export function arraysOfDict(dict: ReadonlyMap<PickleValue, PickleValue>, where: string): NamedArrays {
  const entries = withInfo(dict);
  return {
    names: [...entries.keys()],
    get: (name) => {
      const what = `${where}, ${name}`;
      return stackedNumbers(entries.get(name), (value) => numbersOf(value, what), what);
    },
  };
}

/** The entries of a dict with a text as their key, and those of a dict `info` in it: some extractors keep sizes and counts there. */
export function withInfo(dict: ReadonlyMap<PickleValue, PickleValue>): Map<string, PickleValue> {
  const info = dict.get('info');
  const entries = new Map<string, PickleValue>();
  for (const [name, value] of [...(info instanceof Map ? info : []), ...dict])
    if (typeof name === 'string') entries.set(name, value);
  return entries;
}

/** The number of regions that a file states. @throws DataError for anything but one whole number. */
function statedCount(array: NumericArray | undefined, where: string): number | undefined {
  if (array === undefined) return undefined;
  const [count = NaN] = array.data;
  if (array.data.length === 1 && Number.isInteger(count) && count >= 0) return count;
  throw new DataError(
    `${where}: expected one whole number as its number of regions, found ${[...array.data.slice(0, 3)].join(', ') || 'none'}`,
  );
}

/** Boxes as `[regions, 4]`, also of flat values and after a batch axis. */
function asBoxes(array: NumericArray | undefined): NumericArray | undefined {
  if (array === undefined) return undefined;
  const shape = withoutBatchAxis(array.shape);
  const isFlat = shape.length === 1 && array.data.length % 4 === 0;
  return { shape: isFlat ? [array.data.length / 4, 4] : shape, data: array.data };
}
