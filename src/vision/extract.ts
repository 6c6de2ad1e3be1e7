// Writes the region features of a data set's pictures into a new or continued store; reads pictures while others are computed.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { PRECISIONS } from '../precision.js';
import { ConfigError, DataError, errorMessage } from '../errors.js';
import type { BadImage } from '../features/bad-images.js';
import type { StoredDetector } from '../features/detector-identity.js';
import { isBadData } from '../features/indexed-source.js';
import type { RegionColumn } from '../features/region-features.js';
import { dividedList } from '../features/store/divided-list.js';
import { requireStorePath } from '../features/store/layout.js';
import { resumeStore, type StoreImages, type StoreWriter } from '../features/store/resume.js';
import { decodePicture } from '../pictures/decode.js';
import type { RgbImage } from '../pictures/rgb-image.js';
import { importSharp } from '../pictures/sharp.js';
import { openPictures } from '../pictures/sources/open.js';
import { type IgnoredFiles, NAMED_BY, type PictureSource } from '../pictures/sources/source.js';
import { chunk, prefetch } from '../lists.js';
import { type DetectedRegions, RegionDetector } from './region-detector.js';
import { findDetector, type FindDetectorOptions } from './weights/find.js';
import { detectorIdentity } from './weights/identity.js';
import { BATCH_SIZE, callback, defined, expected, oneOf, parseOptions, PATHS, text, truth } from '../options.js';
import { itemsOfShard, type Shard } from '../shard.js';
import { counted } from '../words.js';

/** Batches that are read ahead of the detector. */
const BATCHES_AHEAD = 2;

/** How features are computed and stored: names, checks, defaults and help texts. */
export const EXTRACT_OPTIONS = {
  half: truth().default(false).describe('store half floats: half the size, 11 significant bits'),
  batchSize: BATCH_SIZE.default(1).describe(
    'pictures per batch, padded to one size: faster, but padding affects regions at the edges',
  ),
  precision: oneOf(PRECISIONS).default('fp32').describe('precision of convolutions and matrix products'),
  skipBadImages: truth().default(false).describe('leave out and list pictures that cannot be read or have no regions'),
  column: text('the name of a column').optional().describe('column of pictures in Parquet files with several'),
  nameBy: oneOf(NAMED_BY)
    .default('file')
    .describe('what the image ids are: names of files, or paths below the given folder or archive'),
};

const schema = z.strictObject({
  ...EXTRACT_OPTIONS,
  pictures: PATHS,
  detector: text('the name or folder of a detector'),
  output: text('a path'),
  shard: z.custom<Shard>().optional(),
  signal: z.instanceof(AbortSignal, { error: expected('an AbortSignal') }).optional(),
  onImage: callback<(done: number, all: number) => void>().optional(),
  onProgress: callback<NonNullable<FindDetectorOptions['onProgress']>>().optional(),
});
type Resolved = z.output<typeof schema>;

/** Arguments of `extractFeatures`. */
export interface ExtractOptions
  extends Pick<FindDetectorOptions, 'onProgress'>, z.input<z.ZodObject<typeof EXTRACT_OPTIONS>> {
  /** Folders, patterns, lists, archives, tables or files, as `openPictures` accepts them. */
  pictures: string | readonly string[];
  /** A detector's name, or the folder of a converted one. */
  detector: string;
  /** The store to write. */
  output: string;
  /** The part of the pictures to process. Default: all. */
  shard?: Shard | undefined;
  /** Stops after the current batch; finished pictures are kept. */
  signal?: AbortSignal;
  /** Called after each picture, and first for all pictures of earlier runs. */
  onImage?: (done: number, all: number) => void;
}

/** Result of `extractFeatures`. */
export interface Extraction {
  /** Images in the store. */
  images: number;
  /** Images from earlier runs among them. */
  earlier: number;
  /** Images of earlier runs that were removed from the store, since their pictures have changed or are not among `pictures`. */
  removed: number;
  dim: number;
  detector: StoredDetector;
  /** Skipped pictures. */
  badImages: readonly BadImage[];
  /** Other files in the given folders. */
  ignored: readonly IgnoredFiles[];
  /** Whether all pictures are done; false when the signal stopped it. */
  isFinished: boolean;
}

/**
 * Detects the regions of pictures and writes them into a store, with boxes, classes, attributes, scores and the detector's name, settings and
 * checksum. A stopped or killed run continues when it is called again; images whose pictures have changed meanwhile are computed again.
 * @throws ConfigError for an invalid shard or detector, and for a column without a Parquet file; DataError for pictures that cannot be read,
 * or a store of another detector.
 * @example
 * const { images, dim } = await extractFeatures({
 *   pictures: ['train2014.zip', 'val2014'],
 *   detector: 'mmf-x101',
 *   output: 'coco.vbf',
 * });
 */
export async function extractFeatures(options: ExtractOptions): Promise<Extraction> {
  const resolved = parseOptions('extractFeatures', schema, options);
  const { pictures, output, column, nameBy, half, precision, batchSize, shard, onProgress } = resolved;
  requireStorePath('extractFeatures', output);
  await importSharp('features extract'); // without it every picture would be a bad one
  const source = await openPictures(pictures, { column, nameBy });
  try {
    if (column !== undefined && !source.hasTable)
      throw new ConfigError(
        `\`column\`: of no use for ${source.name}; give a Parquet file of pictures, or leave it out`,
      );
    const batches = batchesOf(source, batchSize, shard);
    const folder = await findDetector(resolved.detector, defined({ onProgress }));
    const detector = await RegionDetector.fromPretrained(folder, { precision });
    try {
      const stored = await storedDetector(folder, detector);
      const traits = {
        dim: detector.dim,
        dtype: half ? ('float16' as const) : ('float32' as const),
        origin: `visualbert features extract${precision === 'fp32' ? '' : ` in ${precision}`}${nameBy === 'path' ? ', named by paths' : ''}`,
        ...{ columns: columnsOf(detector), detector: stored, shard },
      };
      const writer = await resumeStore(output, traits, {
        isCurrent: madeFromSame(source, batches),
        ...(shard !== undefined && { list: dividedList(source.ids, batchSize) }),
      });
      try {
        const made = await writePictures(source, batches, { detector, writer }, resolved);
        if (made.isFinished) await writer.finish();
        const { done, removed } = writer;
        return { ...made, images: done.size, removed, dim: detector.dim, detector: stored, ignored: source.ignored };
      } finally {
        await writer.close();
      }
    } finally {
      await detector.dispose();
    }
  } finally {
    await source.close();
  }
}

/** The shard's share of the batches of all pictures: padding affects the edges, so batches must not depend on the shard. */
function batchesOf(
  { ids }: PictureSource,
  batchSize: number,
  shard: Shard | undefined,
): readonly (readonly string[])[] {
  const batches = chunk(ids, batchSize);
  return shard === undefined ? batches : itemsOfShard(batches, shard, counted(batches.length, 'batch', 'batches'));
}

async function storedDetector(folder: string, { name, config }: RegionDetector): Promise<StoredDetector> {
  return { ...(await detectorIdentity(folder, name)), settings: { ...config } };
}

function columnsOf({ config }: RegionDetector): readonly RegionColumn[] {
  return ['classes', 'scores', ...(config.attributes > 0 ? (['attributes', 'attributeScores'] as const) : [])];
}

/** Compares the digest of an image's batch with that of the batch that it was detected in. */
function madeFromSame(source: PictureSource, batches: readonly (readonly string[])[]): StoreImages['isCurrent'] {
  const batchOf = new Map(batches.flatMap((batch) => batch.map((id) => [id, batch] as const)));
  let last: { batch: readonly string[]; digest: Promise<string> } | null = null;
  return async (id, madeFrom) => {
    const batch = batchOf.get(id);
    if (batch === undefined || madeFrom === undefined) return false;
    if (last?.batch !== batch) last = { batch, digest: readBatch(source, batch).then(digestOf) };
    return (await last.digest) === madeFrom;
  };
}

/** Regions of a picture with the digest of its batch, or why there are none. */
type Found = { id: string; regions: DetectedRegions; madeFrom: string } | { id: string; reason: string };

async function writePictures(
  source: PictureSource,
  batches: readonly (readonly string[])[],
  { detector, writer }: { detector: RegionDetector; writer: StoreWriter },
  { skipBadImages, signal, onImage }: Pick<Resolved, 'skipBadImages' | 'signal' | 'onImage'>,
): Promise<Pick<Extraction, 'earlier' | 'badImages' | 'isFinished'>> {
  const earlier = writer.done.size;
  const all = batches.flat().length;
  // A batch with unfinished pictures is computed again as a whole.
  const left = batches.filter((batch) => batch.some((id) => !writer.done.has(id)));
  let done = all - left.flat().length;
  onImage?.(done, all);
  const badImages: BadImage[] = [];
  const find = (batch: readonly string[]): Promise<Found[]> => findRegions(source, batch, detector);
  for await (const found of prefetch(left, BATCHES_AHEAD, find)) {
    for (const one of found) {
      if ('regions' in one) {
        if (!writer.done.has(one.id)) await writer.add(one.id, one.regions, one.madeFrom);
      } else if (skipBadImages) badImages.push(one);
      else throw new DataError(`${one.reason}; skipBadImages: true skips and lists such pictures`);
      onImage?.((done += 1), all);
    }
    if (signal?.aborted === true && done < all) return { earlier, badImages, isFinished: false };
  }
  if (writer.done.size > 0) return { earlier, badImages, isFinished: true };
  throw new DataError(
    `${source.name}: ${all === 1 ? 'its only picture cannot' : `none of its ${all} pictures can`} be used: ${badImages[0]?.reason ?? 'the part is empty'}`,
  );
}

/** Reads pictures and detects their regions, in their order. */
async function findRegions(source: PictureSource, ids: readonly string[], detector: RegionDetector): Promise<Found[]> {
  const files = await readBatch(source, ids);
  const pictures = await Promise.all(
    files.map((file, i) =>
      typeof file === 'string' ? file : orReason(decodePicture(file, source.where(ids[i] as string))),
    ),
  );
  const good = pictures.filter((one): one is RgbImage => typeof one !== 'string');
  const regions = good.length === 0 ? [] : await detector.detect(good, { batchSize: good.length });
  const madeFrom = digestOf(files);
  let next = 0;
  return ids.map((id, i): Found => {
    const one = pictures[i];
    if (typeof one === 'string') return { id, reason: one };
    const found = regions[next++] as DetectedRegions;
    return found.count > 0
      ? { id, regions: found, madeFrom }
      : { id, reason: `${source.where(id)}: the detector found no regions` };
  });
}

/** The encoded pictures of a batch; for each that cannot be read the reason. */
async function readBatch(source: PictureSource, ids: readonly string[]): Promise<(Uint8Array | string)[]> {
  return Promise.all(ids.map((id) => orReason(source.read(id))));
}

/** What the regions of a batch are made from: the padding of a picture depends on the others. */
function digestOf(files: readonly (Uint8Array | string)[]): string {
  const hash = createHash('sha256');
  for (const file of files)
    hash.update(`${typeof file === 'string' ? 'none' : file.byteLength}:`).update(typeof file === 'string' ? '' : file);
  return hash.digest('hex');
}

/** What was read, or why it cannot be read. */
async function orReason<T>(read: Promise<T>): Promise<T | string> {
  return read.catch((error: unknown) => {
    if (isBadData(error)) return errorMessage(error);
    throw error;
  });
}
