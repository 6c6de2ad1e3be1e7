// The parts that the tasks share: processor, region sources, fingerprints, encoded examples.
import { createHash } from 'node:crypto';
import { createTokenizer } from '#platform';
import type { VisualBertConfigOptions } from '../../config.js';
import type { EncodedExample, EncodedText } from '../../processing/batch.js';
import { buildVocabulary } from '../../processing/word-vocabulary.js';
import { openRegionFeatures } from '../../features/open.js';
import { loadVocabulary } from '../../processing/load-processor.js';
import { VisualBertProcessor } from '../../processing/processor.js';
import { openedWith, type RegionFeatureSource } from '../../features/region-features.js';
import { cachedSource, shuffledRegions, withoutRegions } from '../../features/wrappers.js';
import type { TaskName } from '../../processing/text-forms.js';
import { DataError } from '../../errors.js';
import type { CommonOptions } from './options.js';
import type { Dataset } from '../../training/task.js';
import type { TaskContext } from './opened-task.js';

/** A record and what the model sees of it. */
export interface TaskExample<R> extends EncodedExample {
  record: R;
}

/**
 * The processor of a task: with the model's vocabulary, a given one, or one built from the texts.
 * @param visualEmbeddingDim width that a new model projects, where it is not that of the features.
 */
export async function taskProcessor(
  task: TaskName,
  options: CommonOptions & { answers?: string | undefined },
  { model, purpose, maxPositionEmbeddings = Infinity }: TaskContext,
  texts: () => Iterable<string>,
  visualEmbeddingDim?: number,
): Promise<VisualBertProcessor> {
  const settings = {
    task,
    maxLength: options.maxTextLength,
    ...(options.maxRegions === undefined ? {} : { maxRegions: options.maxRegions }),
  };
  if (model !== null) {
    return VisualBertProcessor.fromPretrained(model, {
      ...settings,
      ...(options.vocabulary === undefined ? {} : { vocabulary: options.vocabulary }),
      // A head that is about to be replaced must not hold the list of its new answers against its old size.
      ...(purpose === 'train' || options.answers === undefined ? {} : { answers: options.answers }),
    });
  }
  const tokenizer =
    options.vocabulary === undefined
      ? createTokenizer({ 'vocab.txt': `${buildVocabulary(texts()).join('\n')}\n` })
      : await loadVocabulary(options.vocabulary);
  const width = visualEmbeddingDim === undefined ? {} : { visualEmbeddingDim };
  return new VisualBertProcessor({ tokenizer, ...settings, ...width, maxPositionEmbeddings });
}

/** What the data say about a new model; of a loaded one the vocabulary and the width are given. */
export function newModelFields(
  processor: VisualBertProcessor,
  dim: number,
  { model }: TaskContext,
): VisualBertConfigOptions {
  return model === null ? { vocabSize: processor.tokenizer.vocabularySize, visualEmbeddingDim: dim } : {};
}

/** The regions of a task's examples, and those of its validation examples: the same unless the options name others. */
export interface TaskRegions extends RegionFeatureSource {
  readonly validation: RegionFeatureSource;
}

/**
 * Opens region features with the cache and the control that the options ask for. Closing closes those of validation too.
 * @throws DataError when the features of validation have another width.
 */
export async function taskRegions(
  source: RegionFeatureSource | readonly string[],
  options: CommonOptions,
  context: TaskContext,
): Promise<TaskRegions> {
  const first = await openControlled(source, options, context);
  if (options.validationFeatures === undefined) return { ...first, validation: first };
  const validation = await openedWith(first, () => openControlled(options.validationFeatures ?? [], options, context));
  const close = async (): Promise<void> => void (await Promise.all([first.close(), validation.close()]));
  if (validation.dim === first.dim) return { ...first, validation, close };
  await close();
  throw new DataError(
    `${validation.name}: its features are ${validation.dim} wide, those of ${first.name} ${first.dim}`,
  );
}

async function openControlled(
  source: RegionFeatureSource | readonly string[],
  options: CommonOptions,
  { seed = 0 }: TaskContext,
): Promise<RegionFeatureSource> {
  const opened = 'read' in source ? source : await openRegionFeatures(source, options);
  const cached = cachedSource(opened, options.cacheMb * 2 ** 20);
  if (options.regions === 'zeroed') return withoutRegions(cached);
  return options.regions === 'shuffled' ? shuffledRegions(cached, seed) : cached;
}

/** @throws DataError naming the first record whose image has no regions, and how many more there are. */
export function requireImages(
  source: RegionFeatureSource,
  records: Iterable<readonly [record: string, imageIds: readonly string[]]>,
): void {
  const missing: string[] = [];
  for (const [record, imageIds] of records)
    for (const id of imageIds) if (!source.has(id)) missing.push(`${record} (image ${id})`);
  if (missing.length === 0) return;
  throw new DataError(
    `${source.name}: no region features for ${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ` and ${missing.length - 3} more` : ''}; ` +
      'were the features made for this split?',
  );
}

/** Entries, one for each example that came, by their places. */
export function inPlace<T>(entries: readonly T[], places: readonly number[] = [...entries.keys()]): T[] {
  const sorted: T[] = [];
  places.forEach((place, i) => (sorted[place] = entries[i] as T));
  return sorted;
}

/** A short text that changes when any of the parts does. */
export function fingerprintOf(parts: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 16);
}

/** Encodes each text once. */
export function textEncoder(
  processor: VisualBertProcessor,
  textOf: (index: number) => string,
): (index: number) => Promise<EncodedText> {
  const encoded: Promise<EncodedText>[] = [];
  return (index) => (encoded[index] ??= processor.encodeText(textOf(index)));
}

/** Word pieces of a text without cutting it, near enough to group batches: words and signs, and the special tokens. */
export function approximateLength(text: string): number {
  return (text.match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu)?.length ?? 0) + 3;
}

/**
 * Questions about one image each, as examples.
 * @param describe what errors call a record, and the text that its part of the fingerprint is made of.
 * @throws DataError naming records whose image has no regions.
 */
export function questionDataset<R extends { question: string; imageId: string }>(
  records: readonly R[],
  processor: VisualBertProcessor,
  source: RegionFeatureSource,
  describe: { name: (record: R) => string; fingerprint: (record: R) => string },
): Dataset<TaskExample<R>> {
  requireImages(
    source,
    records.map((record) => [describe.name(record), [record.imageId]] as const),
  );
  const encode = textEncoder(processor, (index) => (records[index] as R).question);
  return {
    length: records.length,
    fingerprint: fingerprintOf(records.map(describe.fingerprint)),
    example: async (index) => {
      const record = records[index];
      if (record === undefined) throw new DataError(`example ${index}: the data set has ${records.length}`);
      const [text, regions] = await Promise.all([encode(index), source.read(record.imageId)]);
      return { record, text, images: [processor.fitRegions(regions)] };
    },
    sizeOf: (index) => {
      const { question = '', imageId = '' } = records[index] ?? {};
      return {
        text: approximateLength(question),
        regions: Math.min(source.countOf?.(imageId) ?? 0, processor.maxRegions),
      };
    },
  };
}
