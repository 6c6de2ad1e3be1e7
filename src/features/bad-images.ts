// Leaves out images whose regions cannot be used: damaged ones, those with NaN or infinite features, and those without regions.
import { imageKey } from '../image-key.js';
import { isBadData } from './indexed-source.js';
import type { RegionFeatureSource } from './region-features.js';
import { requireKinds } from '../options.js';

/** An image that is left out. */
export interface BadImage {
  id: string;
  /** The message of the error that reading it throws. */
  reason: string;
}

/** A source without its bad images, and the list of them. */
export interface SourceWithoutBadImages extends RegionFeatureSource {
  readonly badImages: readonly BadImage[];
}

/** Options of `withoutBadImages`. */
export interface BadImageOptions {
  /** The images that will be read. Default: all of the source; ids that it lacks are ignored. */
  ids?: Iterable<string>;
  onImage?: (done: number, all: number) => void;
}

/** Images that are read at once. */
const READ_AHEAD = 8;

/**
 * Reads images once and leaves out the bad ones: `has` is false for them, and reading one throws the same error again.
 * @throws the error of reading when it is not about the data, such as a failure of the engine.
 * @example
 * const source = await withoutBadImages(await openRegionFeatures('features.vbf'), { ids: questions.map(({ imageId }) => imageId) });
 * for (const { id, reason } of source.badImages) console.warn(`left out image ${id}: ${reason}`);
 * await source.close();
 */
export async function withoutBadImages(
  source: RegionFeatureSource,
  options: BadImageOptions = {},
): Promise<SourceWithoutBadImages> {
  requireKinds('withoutBadImages', { 'region features': { source }, 'an object': { options } });
  const { ids = source.ids(), onImage } = options;
  const wanted = uniqueIds(ids).filter((id) => source.has(id));
  const bad = new Map<string, BadImage>();
  let [next, done] = [0, 0];
  const readSome = async (): Promise<void> => {
    for (let id = wanted[next++]; id !== undefined; id = wanted[next++]) {
      try {
        await source.read(id);
      } catch (error) {
        if (!isBadData(error)) throw error;
        bad.set(imageKey(id), { id, reason: error.message });
      }
      onImage?.(++done, wanted.length);
    }
  };
  await Promise.all(Array.from({ length: READ_AHEAD }, readSome));
  const isGood = (id: string): boolean => !bad.has(imageKey(id));
  return {
    ...source,
    badImages: wanted.flatMap((id) => bad.get(imageKey(id)) ?? []),
    ids: function* () {
      for (const id of source.ids()) if (isGood(id)) yield id;
    },
    has: (id) => isGood(id) && source.has(id),
    countOf: (id) => (isGood(id) ? source.countOf?.(id) : undefined),
  };
}

/** Each image once, in its first spelling. */
function uniqueIds(ids: Iterable<string>): string[] {
  const unique = new Map<string, string>();
  for (const id of ids) if (!unique.has(imageKey(id))) unique.set(imageKey(id), id);
  return [...unique.values()];
}
