// Region features by image id: the interface of every file format, and the check of an image's regions.
import { DataError } from '../errors.js';
import type { StoredDetector } from './detector-identity.js';

/** The regions of one image. */
export interface RegionFeatures {
  /** `[count, dim]`, row-major. */
  readonly features: Float32Array;
  readonly count: number;
  readonly dim: number;
  /** `[count, 4]`: x1, y1, x2, y2 in pixels. */
  readonly boxes?: Float32Array;
  readonly imageWidth?: number;
  readonly imageHeight?: number;
  /** `[count]`: indices of the detector's classes. */
  readonly classes?: Int32Array;
  /** `[count]`: scores of those classes, from 0 to 1. */
  readonly scores?: Float32Array;
  /** `[count]`: indices of the most likely attributes. */
  readonly attributes?: Int32Array;
  /** `[count]`, from 0 to 1. */
  readonly attributeScores?: Float32Array;
}

/** A detector's output per region, one number each. */
export const REGION_COLUMNS = ['classes', 'scores', 'attributes', 'attributeScores'] as const;
export type RegionColumn = (typeof REGION_COLUMNS)[number];

/** Region features of many images, read one image at a time. */
export interface RegionFeatureSource {
  /** Its name in errors. */
  readonly name: string;
  /** Width of one region's features. */
  readonly dim: number;
  /** The detector of the regions, where the files state it. */
  readonly detector?: StoredDetector | undefined;
  /** Columns that all regions have besides features and boxes. */
  readonly columns?: readonly RegionColumn[] | undefined;
  /** The ids of all images, as the files write them. */
  ids(): Iterable<string>;
  /** Whether there are features for an image, in any spelling that `imageKey` unites. */
  has(id: string): boolean;
  /** The number of regions of an image when it is known without reading them. */
  countOf?(id: string): number | undefined;
  /** @throws DataError when the image is absent or its features are damaged. */
  read(id: string): Promise<RegionFeatures>;
  close(): Promise<void>;
}

/** No detector finds more regions in one image; a larger number means a damaged file. */
export const MAX_REGIONS_IN_FILE = 10_000;

/**
 * Checks that a model can read the regions of an image: at least one region, and only finite numbers.
 * @param where the image's name in errors.
 * @throws DataError naming the image, and the first region with a value that is NaN or infinite.
 */
export function requireUsable(regions: RegionFeatures, where: string): RegionFeatures {
  const { features, boxes, count, dim, imageWidth, imageHeight } = regions;
  if (count === 0) throw new DataError(`${where}: holds no regions; a detector with a lower threshold finds some`);
  if (!isFinite(features)) throw notFinite(features, dim, 'features', where);
  if (boxes !== undefined && !isFinite(boxes)) throw notFinite(boxes, 4, 'box', where);
  for (const size of [imageWidth, imageHeight])
    if (size !== undefined && !(size > 0 && size < Infinity))
      throw new DataError(`${where}: expected the size of its picture in pixels, found ${imageWidth} x ${imageHeight}`);
  return regions;
}

/** Whether all values are finite: float32 values cannot overflow a float64 sum. Four independent sums, since each addition waits for the one before. */
function isFinite(values: Float32Array): boolean {
  const at = (i: number): number => values[i] as number;
  let sum = 0;
  let i = 0;
  for (; i + 8 <= values.length; i += 8)
    sum += at(i) + at(i + 1) + (at(i + 2) + at(i + 3)) + (at(i + 4) + at(i + 5) + (at(i + 6) + at(i + 7)));
  for (; i < values.length; i++) sum += at(i);
  return Number.isFinite(sum);
}

function notFinite(values: Float32Array, width: number, what: string, where: string): DataError {
  const at = values.findIndex((value) => !Number.isFinite(value));
  return new DataError(
    `${where}, region ${Math.floor(at / width)}: expected finite numbers, found ${values[at]} in its ${what} (value ${at % width}); ` +
      'extract the image again',
  );
}

/** The error of an image without features. */
export function missingImage(source: string, id: string): DataError {
  return new DataError(`${source}: no region features for image ${id}; give the features of this split`);
}

/** The first `max` regions, which detectors write by descending confidence. */
export function firstRegions(regions: RegionFeatures, max: number): RegionFeatures {
  if (regions.count <= max) return regions;
  return withRows(regions, max, (values, width) => values.subarray(0, max * width) as typeof values);
}

/** The regions of some rows, in the order given. */
export function pickRegions(regions: RegionFeatures, rows: readonly number[]): RegionFeatures {
  return withRows(regions, rows.length, (values, width) => {
    const picked = new (values.constructor as new (length: number) => typeof values)(rows.length * width);
    rows.forEach((row, i) => picked.set(values.subarray(row * width, (row + 1) * width), i * width));
    return picked;
  });
}

/** The regions with each array replaced by `pick` of it. */
function withRows(
  regions: RegionFeatures,
  count: number,
  pick: <T extends Float32Array | Int32Array>(values: T, width: number) => T,
): RegionFeatures {
  const { features, dim, boxes } = regions;
  const columns = REGION_COLUMNS.flatMap((name) => {
    const values = regions[name];
    return values === undefined ? [] : [[name, pick<Float32Array | Int32Array>(values, 1)] as const];
  });
  return {
    ...regions,
    count,
    features: pick(features, dim),
    ...(boxes === undefined ? {} : { boxes: pick(boxes, 4) }),
    ...Object.fromEntries(columns),
  };
}

/** The result of `open` for an opened resource, which is closed if `open` fails. */
export async function openedWith<T, R extends { close(): Promise<void> }>(
  resource: R,
  open: (resource: R) => T | Promise<T>,
): Promise<T> {
  try {
    return await open(resource);
  } catch (error) {
    await resource.close();
    throw error;
  }
}

/** The image of a source that holds one. @throws DataError when it holds none or several */
export function onlyImage(source: RegionFeatureSource): string {
  const [first, second] = source.ids();
  if (first === undefined) throw new DataError(`${source.name}: it holds no image`);
  if (second === undefined) return first;
  throw new DataError(`${source.name}: it holds several images (${first}, ${second}, ...); choose one with --image`);
}
