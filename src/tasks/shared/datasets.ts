// Data sets of annotation records: reads both splits, checks their images, and encodes examples by index.
import { counted, firstOf } from '../../words.js';
import { withoutBadImages } from '../../features/bad-images.js';
import { imageKey } from '../../image-key.js';
import { missingImage, type RegionFeatures, type RegionFeatureSource } from '../../features/region-features.js';
import { DataError } from '../../errors.js';
import type { EncodedExample, EncodedText } from '../../processing/batch.js';
import { warnAboutDetector } from '../../processing/detector-warning.js';
import type { VisualBertProcessor } from '../../processing/processor.js';
import type { Dataset } from '../../evaluation/task.js';
import { fingerprintOf } from './fingerprint.js';
import type { LeftOutImage, OpenedTask } from './opened-task.js';
import type { TaskRegions } from './regions.js';

/** A record, encoded for the model. */
export interface TaskExample<R> extends EncodedExample {
  record: R;
}

/** The records of a task, and its validation records, if any. */
export interface Splits<R> {
  records: readonly R[];
  validation: readonly R[] | null;
}

/** Reads both splits: `readSplits((paths) => readAll(paths, readNlvr), options.data, options.validationData)`. */
export async function readSplits<P, R>(
  read: (paths: P) => Promise<R[]>,
  paths: P,
  validation: P | undefined,
): Promise<Splits<R>> {
  return { records: await read(paths), validation: validation === undefined ? null : await read(validation) };
}

/** Converts the records of both splits. */
export function mapSplits<A, B>({ records, validation }: Splits<A>, change: (records: readonly A[]) => B[]): Splits<B> {
  return { records: change(records), validation: validation === null ? null : change(validation) };
}

/** The records of several files, one after the other. */
export async function readAll<R>(paths: readonly string[], read: (path: string) => Promise<R[]>): Promise<R[]> {
  return (await Promise.all(paths.map(read))).flat();
}

/** The conversion of a task's records to examples. */
export interface RecordKind<R, E> {
  /** A record's name in errors. */
  name(record: R): string;
  images(record: R): readonly string[];
  /** A text that changes with the record. */
  fingerprint(record: R): string;
  example(record: R, index: number, source: RegionFeatureSource): Promise<E>;
  /** Approximate number of word pieces, to group batches. */
  textLength(record: R): number;
  /** Number of regions; default: all of the images. */
  regionCount?(record: R): number;
}

/**
 * Both splits as data sets, each with its own region features.
 * @throws DataError naming records whose image has no regions, unless bad images are skipped.
 */
export async function recordDatasets<R, E>(
  { records, validation }: Splits<R>,
  regions: TaskRegions,
  processor: VisualBertProcessor,
  createKind: () => RecordKind<R, E>,
): Promise<Pick<OpenedTask<E>, 'data' | 'validation' | 'leftOut' | 'detector'>> {
  for (const { detector, name } of [regions, regions.validation])
    warnAboutDetector(processor.trainedWith, detector, name);
  const leftOut: LeftOutImage[] = [];
  const dataset = async (all: readonly R[], source: RegionFeatureSource): Promise<Dataset<E>> => {
    const kind = createKind();
    if (!regions.skipBadImages) requireImages(all, kind, source);
    const usable = regions.skipBadImages ? await usableRecords(all, kind, source, leftOut) : all;
    return recordDataset(usable, source, processor, kind);
  };
  return {
    data: await dataset(records, regions),
    validation: validation === null ? null : await dataset(validation, regions.validation),
    leftOut,
    detector: regions.detector ?? null,
  };
}

/** The records with only readable images; other images are added to `leftOut`. @throws DataError when no record is left */
async function usableRecords<R>(
  records: readonly R[],
  { images }: Pick<RecordKind<R, unknown>, 'images'>,
  source: RegionFeatureSource,
  leftOut: LeftOutImage[],
): Promise<readonly R[]> {
  const good = await withoutBadImages(source, { ids: records.flatMap(images) });
  const reasons = new Map(good.badImages.map(({ id, reason }) => [imageKey(id), reason]));
  const bad = new Map<string, LeftOutImage>();
  const usable = records.filter((record) => {
    const lacking = images(record).filter((id) => !good.has(id));
    for (const id of lacking) {
      const key = imageKey(id);
      const known = bad.get(key) ?? {
        id,
        reason: reasons.get(key) ?? missingImage(source.name, id).message,
        examples: 0,
      };
      bad.set(key, { ...known, examples: known.examples + 1 });
    }
    return lacking.length === 0;
  });
  leftOut.push(...bad.values());
  if (usable.length > 0) return usable;
  const [{ id, reason } = { id: '', reason: '' }] = bad.values();
  throw new DataError(
    `${source.name}: none of the ${counted(records.length, 'example')} has usable regions; image ${id}: ${reason}`,
  );
}

function recordDataset<R, E>(
  records: readonly R[],
  source: RegionFeatureSource,
  { maxRegions }: VisualBertProcessor,
  kind: RecordKind<R, E>,
): Dataset<E> {
  const at = (index: number): R => {
    if (index in records) return records[index] as R;
    throw new DataError(`dataset: expected an index below ${records.length}, received ${index}`);
  };
  return {
    length: records.length,
    fingerprint: fingerprintOf(records.map(kind.fingerprint)),
    example: async (index) => kind.example(at(index), index, source),
    sizeOf: (index) => {
      const record = at(index);
      const counts = kind.images(record).map((id) => Math.min(source.countOf?.(id) ?? 0, maxRegions));
      return {
        text: kind.textLength(record),
        regions: kind.regionCount?.(record) ?? counts.reduce((sum, count) => sum + count, 0),
      };
    },
  };
}

/** @throws DataError naming the first records whose image has no regions, and the number of others. */
function requireImages<R>(
  records: readonly R[],
  { name, images }: Pick<RecordKind<R, unknown>, 'name' | 'images'>,
  source: RegionFeatureSource,
): void {
  const missing = new Set<string>();
  for (const record of records)
    for (const id of images(record)) if (!source.has(id)) missing.add(`${name(record)} (image ${id})`);
  if (missing.size === 0) return;
  throw new DataError(
    `${source.name}: no region features for ${firstOf([...missing])}; ` + 'give the features of this split',
  );
}

/** The regions of each image, fitted to the model. */
export async function readRegions(
  imageIds: readonly string[],
  source: RegionFeatureSource,
  processor: VisualBertProcessor,
): Promise<RegionFeatures[]> {
  const regions = await Promise.all(imageIds.map((id) => source.read(id)));
  return regions.map((one) => processor.fitRegions(one));
}

/** Encodes the text of each record once, by the record's index. */
export function onceEach<R>(
  encode: (record: R) => Promise<EncodedText>,
): (record: R, index: number) => Promise<EncodedText> {
  const encoded: Promise<EncodedText>[] = [];
  return (record, index) => (encoded[index] ??= encode(record));
}
