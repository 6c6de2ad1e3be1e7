// Writes the region features of a data set's pictures into a new or continued store; reads pictures while others are computed.
import { z } from 'zod';
import { PRECISIONS } from '../precision.js';
import { DataError, errorMessage } from '../errors.js';
import type { BadImage } from '../features/bad-images.js';
import type { StoredDetector } from '../features/detector-identity.js';
import { isBadData } from '../features/indexed-source.js';
import type { RegionColumn } from '../features/region-features.js';
import { resumeStore, type StoreWriter } from '../features/store/resume.js';
import { decodePicture } from '../pictures/decode.js';
import type { RgbImage } from '../pictures/rgb-image.js';
import { importSharp } from '../pictures/sharp.js';
import { openPictures } from '../pictures/sources/open.js';
import { NAMED_BY, type PictureSource } from '../pictures/sources/source.js';
import { prefetch } from '../prefetch.js';
import { type DetectedRegions, RegionDetector } from './region-detector.js';
import { findDetector, type FindDetectorOptions } from './weights/find.js';
import { detectorIdentity } from './weights/identity.js';
import { BATCH_SIZE, oneOf, parseOptions, text, truth } from '../options.js';
import { chunk } from '../chunk.js';
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

const schema = z.object(EXTRACT_OPTIONS);
type Resolved = z.output<typeof schema>;

/** Arguments of `extractFeatures`. */
export interface ExtractOptions extends Pick<FindDetectorOptions, 'onProgress'>, z.input<typeof schema> {
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
  dim: number;
  detector: StoredDetector;
  /** Skipped pictures. */
  badImages: readonly BadImage[];
  /** Whether all pictures are done; false when the signal stopped it. */
  isFinished: boolean;
}

/**
 * Detects the regions of pictures and writes them into a store, with boxes, classes, attributes, scores and the detector's name, settings and
 * checksum. A stopped or killed run continues when it is called again.
 * @throws ConfigError for an invalid shard or detector; DataError for pictures that cannot be read, or a store of another detector.
 */
export async function extractFeatures(options: ExtractOptions): Promise<Extraction> {
  const { column, nameBy, half, precision, batchSize, skipBadImages } = parseOptions(
    'extractFeatures',
    schema,
    options,
  );
  const { pictures, output, shard, onProgress } = options;
  await importSharp('features extract'); // without it every picture would be a bad one
  const source = await openPictures(pictures, { column, nameBy });
  try {
    const batches = batchesOf(source, batchSize, shard);
    const folder = await findDetector(options.detector, { onProgress });
    const detector = await RegionDetector.fromPretrained(folder, { precision });
    try {
      const stored = await storedDetector(folder, detector);
      const writer = await resumeStore(output, {
        ...{
          dim: detector.dim,
          dtype: half ? 'float16' : 'float32',
          origin: `visualbert features extract${precision === 'fp32' ? '' : ` in ${precision}`}${nameBy === 'path' ? ', named by paths' : ''}`,
        },
        ...{ columns: columnsOf(detector), detector: stored, shard },
      });
      try {
        const made = await writePictures(source, batches, { detector, writer }, { ...options, skipBadImages });
        if (made.isFinished) await writer.finish();
        return { ...made, images: writer.done.size, dim: detector.dim, detector: stored };
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

/** Regions of a picture, or why there are none. */
type Found = { id: string; regions: DetectedRegions } | { id: string; reason: string };

async function writePictures(
  source: PictureSource,
  batches: readonly (readonly string[])[],
  { detector, writer }: { detector: RegionDetector; writer: StoreWriter },
  { skipBadImages, signal, onImage }: Pick<Resolved, 'skipBadImages'> & Pick<ExtractOptions, 'signal' | 'onImage'>,
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
        if (!writer.done.has(one.id)) await writer.add(one.id, one.regions);
      } else if (skipBadImages) badImages.push(one);
      else throw new DataError(`${one.reason}; skipBadImages: true skips and lists such pictures`);
      onImage?.((done += 1), all);
    }
    if (signal?.aborted === true && done < all) return { earlier, badImages, isFinished: false };
  }
  if (writer.done.size > 0) return { earlier, badImages, isFinished: true };
  throw new DataError(
    `${source.name}: none of its ${all} pictures can be used: ${badImages[0]?.reason ?? 'the part is empty'}`,
  );
}

/** Reads pictures and detects their regions, in their order. */
async function findRegions(source: PictureSource, ids: readonly string[], detector: RegionDetector): Promise<Found[]> {
  const read = await Promise.all(ids.map((id) => readOne(source, id)));
  const good = read.flatMap((one) => (typeof one === 'string' ? [] : [one]));
  const regions = good.length === 0 ? [] : await detector.detect(good, { batchSize: good.length });
  let next = 0;
  return ids.map((id, i): Found => {
    const one = read[i];
    if (typeof one === 'string') return { id, reason: one };
    const found = regions[next++] as DetectedRegions;
    return found.count > 0
      ? { id, regions: found }
      : { id, reason: `${source.where(id)}: the detector found no regions` };
  });
}

/** The pixels of a picture, or why it cannot be read. */
async function readOne(source: PictureSource, id: string): Promise<RgbImage | string> {
  try {
    return await decodePicture(await source.read(id), source.where(id));
  } catch (error) {
    if (isBadData(error)) return errorMessage(error);
    throw error;
  }
}
