// Region features by image id: the interface that every file format offers, and the checks that they share.
import { DataError } from '../errors.js';
import { imageKey } from './image-key.js';

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
}

/** Region features of many images, read one image at a time. */
export interface RegionFeatureSource {
  /** What to call it in errors. */
  readonly name: string;
  /** Width of one region's features. */
  readonly dim: number;
  /** The ids of all images, as the files spell them. */
  ids(): Iterable<string>;
  /** Whether there are features for an image, in any spelling that `imageKey` unites. */
  has(id: string): boolean;
  /** The number of regions of an image when it is known without reading them. */
  countOf?(id: string): number | undefined;
  /** @throws DataError when the image is absent or its features are damaged. */
  read(id: string): Promise<RegionFeatures>;
  close(): Promise<void>;
}

/** No detector gives more regions of one image; a larger number is a damaged file. */
export const MAX_REGIONS_IN_FILE = 10_000;

/** The error of an image without features. */
export function missingImage(source: string, id: string): DataError {
  return new DataError(`${source}: no region features for image ${id}; were they made for this split?`);
}

/** The first `max` regions: detectors write them by falling confidence. */
export function firstRegions(regions: RegionFeatures, max: number): RegionFeatures {
  if (regions.count <= max) return regions;
  const { features, dim, boxes, ...rest } = regions;
  return {
    ...rest,
    dim,
    count: max,
    features: features.subarray(0, max * dim),
    ...(boxes === undefined ? {} : { boxes: boxes.subarray(0, max * 4) }),
  };
}

/** The regions of some rows, in the order given. */
export function pickRegions(
  { features, dim, boxes, ...rest }: RegionFeatures,
  rows: readonly number[],
): RegionFeatures {
  const pick = (values: Float32Array, width: number): Float32Array => {
    const picked = new Float32Array(rows.length * width);
    rows.forEach((row, i) => picked.set(values.subarray(row * width, (row + 1) * width), i * width));
    return picked;
  };
  return {
    ...rest,
    dim,
    count: rows.length,
    features: pick(features, dim),
    ...(boxes === undefined ? {} : { boxes: pick(boxes, 4) }),
  };
}

/** Images by id, and how one of them is read: all that the formats differ in. A row is an image's place in `ids`. */
export interface ImageIndex {
  name: string;
  dim: number;
  /** In the order of the file. */
  ids: readonly string[];
  countOf?(row: number): number | undefined;
  read(row: number): Promise<RegionFeatures>;
  close?(): Promise<void>;
}

/** A source over an index. @throws DataError when it has no image, or two ids of it are the same image. */
export function indexedSource({ name, dim, ids, countOf, read, close }: ImageIndex): RegionFeatureSource {
  if (ids.length === 0) throw new DataError(`${name}: holds no images`);
  const rows = indexIds(
    ids.map((id, row) => [id, row] as const),
    name,
  );
  return {
    name,
    dim,
    ids: () => ids,
    has: (id) => rows.has(imageKey(id)),
    countOf: (id) => {
      const row = rows.get(imageKey(id));
      return row === undefined ? undefined : countOf?.(row);
    },
    read: async (id) => {
      const row = rows.get(imageKey(id));
      if (row === undefined) throw missingImage(name, id);
      const regions = await read(row);
      if (regions.dim === dim) return regions;
      throw new DataError(
        `${name}, image ${id}: its features are ${regions.dim} wide, those of the first image ${dim}; use one detector for all`,
      );
    },
    close: async () => close?.(),
  };
}

/** What `open` makes of something open, which is closed when that fails. */
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

/** Ids under all their spellings. @throws DataError when two ids of one source are the same image. */
export function indexIds<T>(entries: Iterable<readonly [id: string, entry: T]>, name: string): Map<string, T> {
  const index = new Map<string, T>();
  for (const [id, entry] of entries) {
    const key = imageKey(id);
    if (index.has(key)) throw new DataError(`${name}: image ${id} occurs twice; remove one of the two`);
    index.set(key, entry);
  }
  return index;
}
