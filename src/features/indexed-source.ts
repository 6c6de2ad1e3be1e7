// A source over an index of images, the base of every file format; it checks the regions of each image.
import { CheckpointError, DataError, errorMessage } from '../errors.js';
import { imageKey } from '../image-key.js';
import type { StoredDetector } from './detector-identity.js';
import {
  missingImage,
  type RegionColumn,
  type RegionFeatures,
  type RegionFeatureSource,
  requireUsable,
} from './region-features.js';

/** Images by id, and how to read one: the part that differs between formats. A row is an image's index in `ids`. */
export interface ImageIndex {
  name: string;
  dim: number;
  detector?: StoredDetector | undefined;
  columns?: readonly RegionColumn[] | undefined;
  /** In the order of the file. */
  ids: readonly string[];
  countOf?(row: number, dim: number): number | undefined;
  read(row: number): Promise<RegionFeatures>;
  close?(): Promise<void>;
}

/** An index whose files do not state the width of the features; `read` receives the width once it is known. */
export interface WidthlessIndex extends Omit<ImageIndex, 'dim' | 'read'> {
  read(row: number, dim: number | undefined): Promise<RegionFeatures>;
}

/** Images that are tried for the width of the features: the source is rejected when all of them are damaged. */
const WIDTH_TRIES = 20;

/** A source over an index. @throws DataError when it has no image, or two ids of it are the same image. */
export function indexedSource({
  name,
  dim,
  detector,
  columns,
  ids,
  countOf,
  read,
  close,
}: ImageIndex): RegionFeatureSource {
  if (ids.length === 0) throw new DataError(`${name}: holds no images`);
  const rows = indexIds(
    ids.map((id, row) => [id, row] as const),
    name,
  );
  return {
    name,
    dim,
    detector,
    columns,
    ids: () => ids,
    has: (id) => rows.has(imageKey(id)),
    countOf: (id) => {
      const row = rows.get(imageKey(id));
      return row === undefined ? undefined : countOf?.(row, dim);
    },
    read: async (id) => {
      const row = rows.get(imageKey(id));
      if (row === undefined) throw missingImage(name, id);
      const regions = await read(row).catch((error: unknown) => {
        throw imageError(error, name, ids[row] as string);
      });
      if (regions.dim === dim) return requireUsable(regions, `${name}, image ${id}`);
      throw new DataError(
        `${name}, image ${id}: its features are ${regions.dim} wide, those of the first image ${dim}; use one detector for all`,
      );
    },
    close: async () => close?.(),
  };
}

/**
 * A source over an index; its width is that of the first readable image.
 * @param dim the width that a model expects, which distinguishes the axes of grids; the file's may differ.
 * @throws the first image's error when none of the first images can be read.
 */
export async function widthFoundSource(index: WidthlessIndex, dim?: number): Promise<RegionFeatureSource> {
  const { name, ids, read } = index;
  let first: unknown = new DataError(`${name}: holds no images`);
  for (let row = 0; row < Math.min(ids.length, WIDTH_TRIES); row++) {
    try {
      const { dim: found } = await read(row, dim);
      return indexedSource({ ...index, dim: found, read: (one) => read(one, found) });
    } catch (error) {
      if (row === 0) first = imageError(error, name, ids[row] as string);
    }
  }
  throw first;
}

/** Whether an error says that one image or file is damaged, not that the program or the machine failed. */
export function isBadData(error: unknown): error is DataError | CheckpointError {
  return error instanceof DataError || error instanceof CheckpointError;
}

/** An error with the name of file and image, which libraries, the system and truncated files do not name. */
function imageError(error: unknown, name: string, id: string): Error {
  if (isBadData(error) && error.message.includes(', image ')) return error;
  const message = errorMessage(error);
  const what = message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message;
  return new DataError(`${name}, image ${id}: ${what}`, { cause: error });
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
