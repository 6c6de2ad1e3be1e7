// Sources made from sources: several joined, a cache, and two controls that remove or exchange the pictures' content.
import { permutation } from '../random/values.js';
import { DataError } from '../errors.js';
import { warnOnce } from '../logger.js';
import { detectorText, isSameDetector, type StoredDetector } from './detector-identity.js';
import { imageKey } from '../image-key.js';
import { indexedSource } from './indexed-source.js';
import { missingImage, type RegionFeatures, type RegionFeatureSource } from './region-features.js';
import { requireKinds } from '../options.js';

/**
 * Several sources as one, as train2014 and val2014 are two files; of an image in both the first is used.
 * @throws DataError when their widths differ.
 * @example
 * const other = memorySource('more', [['2', regions]]);
 * const both = joinSources([memorySource('regions', [['1', regions]]), other]);
 * [...both.ids()]; // ['1', '2']
 */
export function joinSources(sources: readonly RegionFeatureSource[]): RegionFeatureSource {
  requireKinds('joinSources', { 'a list': { sources } });
  const [first, ...others] = sources;
  if (first === undefined) throw new DataError('region features: expected at least one source');
  if (others.length === 0) return first;
  const odd = others.find(({ dim }) => dim !== first.dim);
  if (odd !== undefined) {
    throw new DataError(
      `${odd.name}: its features are ${odd.dim} wide, those of ${first.name} ${first.dim}; use one detector for all`,
    );
  }
  const holder = (id: string): RegionFeatureSource | undefined => sources.find((source) => source.has(id));
  const name = sources.map((source) => source.name).join(' + ');
  return {
    name,
    dim: first.dim,
    detector: detectorOf(sources),
    columns: first.columns?.filter((name) => others.every(({ columns }) => columns?.includes(name))),
    ids: function* () {
      for (const source of sources) for (const id of source.ids()) if (holder(id) === source) yield id;
    },
    has: (id) => holder(id) !== undefined,
    countOf: (id) => holder(id)?.countOf?.(id),
    read: async (id) => {
      const source = holder(id);
      if (source === undefined) throw missingImage(name, id);
      return source.read(id);
    },
    close: async () => void (await Promise.all(sources.map((source) => source.close()))),
  };
}

/** The detector of all sources; null with a warning if they differ. */
function detectorOf(sources: readonly RegionFeatureSource[]): StoredDetector | undefined {
  const [first, ...others] = sources as [RegionFeatureSource, ...RegionFeatureSource[]];
  others.forEach((other) => warnAboutMixture(first, other));
  return others.every(({ detector }) => isSameDetector(first.detector, detector) === true) ? first.detector : undefined;
}

/** Warns when two sources that are used together have regions of different detectors. */
export function warnAboutMixture(first: RegionFeatureSource, other: RegionFeatureSource): void {
  if (!first.detector || !other.detector || isSameDetector(first.detector, other.detector) !== false) return;
  warnOnce(
    `${other.name}: has regions of ${detectorText(other.detector)}, and ${first.name} those of ${detectorText(first.detector)}; use one detector for all`,
  );
}

/**
 * Features given in memory: id -> regions.
 * @example
 * const source = memorySource('regions', [['42', regions]]);
 * await source.read('42');
 */
export function memorySource(name: string, entries: Iterable<readonly [string, RegionFeatures]>): RegionFeatureSource {
  requireKinds('memorySource', { 'a list': { entries } });
  const all = [...entries];
  return indexedSource({
    name,
    dim: all[0]?.[1].dim ?? 0,
    ids: all.map(([id]) => id),
    countOf: (row) => all[row]?.[1].count,
    read: async (row) => (all[row] as (typeof all)[number])[1],
  });
}

/**
 * A least-recently-used cache of up to `maxBytes` of features, since several questions ask about one image.
 * @example
 * const source = cachedSource(await openRegionFeatures('features.vbf'), 256 * 2 ** 20);
 * await source.read('1'); // from the file
 * await source.read('1'); // from memory
 * await source.close();
 */
export function cachedSource(source: RegionFeatureSource, maxBytes: number): RegionFeatureSource {
  const kept = new Map<string, RegionFeatures>(); // in order of last use
  let bytes = 0;
  return {
    ...source,
    read: async (id) => {
      const key = imageKey(id);
      const known = kept.get(key);
      const regions = known ?? (await source.read(id));
      if (known !== undefined) kept.delete(key);
      else if (!kept.has(key)) bytes += regions.features.byteLength;
      kept.set(key, regions);
      for (const [oldest, { features }] of kept) {
        if (bytes <= maxBytes) break;
        kept.delete(oldest);
        bytes -= features.byteLength;
      }
      return regions;
    },
  };
}

/**
 * The control without vision: as many regions, all zero.
 * @example
 * const { features } = await withoutRegions(memorySource('regions', [['42', regions]])).read('42'); // zeros
 */
export function withoutRegions(source: RegionFeatureSource): RegionFeatureSource {
  requireKinds('withoutRegions', { 'region features': { source } });
  return {
    ...source,
    name: `${source.name} (zeroed)`,
    read: async (id) => {
      const regions = await source.read(id);
      return { ...regions, features: new Float32Array(regions.features.length) };
    },
  };
}

/**
 * The control with the wrong picture: every image gets the regions of another one, determined by the seed.
 * @example
 * const source = memorySource('regions', [['1', regions], ['2', { ...regions, imageWidth: 100 }]]);
 * await shuffledRegions(source, 0).read('1'); // the regions of image 2
 */
export function shuffledRegions(source: RegionFeatureSource, seed: number): RegionFeatureSource {
  requireKinds('shuffledRegions', { 'region features': { source } });
  const ids = [...source.ids()];
  if (ids.length < 2)
    throw new DataError(`${source.name}: expected at least two images to shuffle regions between them`);
  const order = permutation(ids.length, seed, 0);
  const other = new Map<string, string>(); // a cycle through all images: none keeps its own regions
  order.forEach((image, i) =>
    other.set(imageKey(ids[image] as string), ids[order[(i + 1) % order.length] as number] as string),
  );
  const swap = (id: string): string => other.get(imageKey(id)) ?? id;
  return {
    ...source,
    name: `${source.name} (shuffled)`,
    countOf: (id) => source.countOf?.(swap(id)),
    read: (id) => source.read(swap(id)),
  };
}
