// Statistics of a file of own data: lengths, labels, images, and images without region features.
import { DataError } from '../errors.js';
import type { Box } from '../boxes.js';
import { type JsonRecord, readJsonRecords } from '../formats/json.js';
import { checkOwnRecords, OWN_SCHEMAS, type OwnTaskName, type RecordProblem, requireOwnTask } from './own.js';
import { approximateLength } from '../processing/approximate-length.js';
import { DEFAULT_MAX_LENGTH } from '../processing/processor-options.js';
import { missingImages, recordWarnings, type TextLimit } from './own-warnings.js';
import { isBadData } from '../features/indexed-source.js';
import type { RegionFeatures, RegionFeatureSource } from '../features/region-features.js';

/**
 * Guesses the task from the first record: phrases mean grounding, a question answering, anything else classification.
 * @example
 * await guessOwnTask('mine.jsonl'); // 'answering'
 */
export async function guessOwnTask(path: string): Promise<OwnTaskName> {
  const records = await readJsonRecords(path, undefined, true);
  if (records.length === 0) throw new DataError(`${path}: holds no records`);
  const first = records.find(({ problem }) => problem === undefined);
  const fields = Object.keys(first?.value ?? {});
  return fields.includes('phrases') ? 'grounding' : fields.includes('question') ? 'answering' : 'classification';
}

/** Minimum, median, 90th percentile and maximum. */
export interface Distribution {
  min: number;
  median: number;
  p90: number;
  max: number;
}

/** Statistics of a file of own records. */
export interface OwnDataStats {
  task: OwnTaskName;
  records: number;
  /** Records that training rejects, including images without features. */
  problems: readonly RecordProblem[];
  /** Words of the texts. */
  words: Distribution | null;
  images: number;
  /** Labels or answers with their number of records, most frequent first. */
  labels: readonly (readonly [label: string, count: number])[];
  /** Records without label, answers or boxes. */
  unlabelled: number;
  /** Suspicious records: labels of several types, some without, ids that look like paths, texts that will be cut. */
  warnings: readonly RecordProblem[];
  /** Features of the images; null when none are given. */
  features: { missing: readonly string[]; regions: Distribution | null; dim: number } | null;
}

interface Summary {
  raw: JsonRecord;
  text: string;
  imageIds: readonly string[];
  labels: readonly string[];
  /** Boxes of a record with phrases, in its only image. */
  boxes?: readonly Box[];
}

/** The default length of training, with a lower bound of the texts' lengths. */
const DEFAULT_LIMIT: TextLimit = { longest: DEFAULT_MAX_LENGTH, lengthOf: approximateLength, isEstimate: true };

/**
 * Describes a file of own data, and its images in the region features when these are given.
 * @example
 * const source = await openRegionFeatures('features.vbf');
 * const { records, problems, features } = await ownDataStats('mine.jsonl', 'answering', source);
 * await source.close();
 */
export async function ownDataStats(
  path: string,
  task: OwnTaskName,
  source: RegionFeatureSource | null,
  limit: TextLimit = DEFAULT_LIMIT,
): Promise<OwnDataStats> {
  requireOwnTask(task);
  const { summaries, problems } = await summarise(path, task);
  const records = summaries.length + new Set(problems.map(({ where }) => where)).size;
  const described = summaries.map(({ raw, text, imageIds, labels }) => ({
    ...{ raw, text, imageIds },
    isLabelled: labels.length > 0,
  }));
  if (source !== null) {
    for await (const problem of boxProblems(summaries, source)) problems.push(problem);
    problems.push(...missingImages(described, source));
  }
  const images = [...new Set(summaries.flatMap(({ imageIds }) => imageIds))];
  const counts = new Map<string, number>();
  for (const { labels } of summaries) for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return {
    task,
    records,
    problems,
    words: distribution(summaries.map(({ text }) => text.split(/\s+/).length)),
    images: images.length,
    labels: [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)),
    unlabelled: summaries.filter(({ labels }) => labels.length === 0).length,
    warnings: await recordWarnings(described, source, limit),
    features: source === null ? null : await featureStats(images, source, problems),
  };
}

async function summarise(
  path: string,
  task: OwnTaskName,
): Promise<{ summaries: Summary[]; problems: RecordProblem[] }> {
  switch (task) {
    case 'classification': {
      const { records, raw, problems } = await checkOwnRecords(task, path);
      const summaries = records.map(({ text, textPair, imageIds, label }, i) => ({
        raw: raw[i] as JsonRecord,
        text: textPair === undefined ? text : `${text} ${textPair}`,
        imageIds,
        labels: label === null ? [] : [label],
      }));
      return { summaries, problems };
    }
    case 'answering': {
      const { records, raw, problems } = await checkOwnRecords(task, path);
      const summaries = records.map(({ question, imageId, scores }, i) => ({
        raw: raw[i] as JsonRecord,
        text: question,
        imageIds: [imageId],
        labels: [...(scores?.keys() ?? [])],
      }));
      return { summaries, problems };
    }
    case 'grounding': {
      const { records, raw, problems } = await checkOwnRecords(task, path);
      const summaries = records.map(({ words, imageId, phrases }, i) => ({
        raw: raw[i] as JsonRecord,
        text: words.join(' '),
        imageIds: [imageId],
        labels: phrases
          .filter(({ boxes }) => boxes.length > 0)
          .map(({ first, last }) => words.slice(first, last + 1).join(' ')),
        boxes: phrases.flatMap(({ boxes }) => boxes),
      }));
      return { summaries, problems };
    }
  }
}

/** Boxes that are more than a pixel outside their picture, where its size is known. */
async function* boxProblems(summaries: readonly Summary[], source: RegionFeatureSource): AsyncGenerator<RecordProblem> {
  for (const { raw, imageIds, boxes = [] } of summaries) {
    const [imageId = ''] = imageIds;
    if (boxes.length === 0 || !source.has(imageId)) continue;
    const regions = await readIfGood(source, imageId);
    if (typeof regions === 'string') yield { where: raw.where, problem: regions };
    if (typeof regions === 'string') continue;
    const { imageWidth = Infinity, imageHeight = Infinity } = regions;
    for (const box of boxes) {
      const [x1, y1, x2, y2] = box;
      if (Math.min(x1, y1) >= -1 && x2 <= imageWidth + 1 && y2 <= imageHeight + 1) continue;
      const problem = `expected boxes inside image ${imageId} of ${imageWidth} x ${imageHeight} pixels, received [${box.join(', ')}]`;
      yield { where: raw.where, problem };
    }
  }
}

/** The regions of an image, or the error of reading them. */
async function readIfGood(source: RegionFeatureSource, id: string): Promise<RegionFeatures | string> {
  try {
    return await source.read(id);
  } catch (error) {
    if (isBadData(error)) return error.message;
    throw error;
  }
}

/** Statistics of the images' regions; unreadable ones are added to `problems`. */
async function featureStats(
  images: readonly string[],
  source: RegionFeatureSource,
  problems: RecordProblem[],
): Promise<NonNullable<OwnDataStats['features']>> {
  const regions: number[] = [];
  for (const id of images.filter((one) => source.has(one))) {
    const known = source.countOf?.(id);
    const read = known === undefined ? await readIfGood(source, id) : { count: known };
    if (typeof read !== 'string') regions.push(read.count);
    else if (!problems.some(({ problem }) => problem === read)) problems.push({ where: `image ${id}`, problem: read });
  }
  return { missing: images.filter((id) => !source.has(id)), regions: distribution(regions), dim: source.dim };
}

function distribution(values: readonly number[]): Distribution | null {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] as number;
  return { min: at(0), median: at(0.5), p90: at(0.9), max: at(1) };
}

/** Example records of each task, for help texts and documentation. */
export const OWN_EXAMPLES: Readonly<Record<OwnTaskName, readonly object[]>> = {
  classification: [
    { id: 'a1', text: 'the plate is empty', image: 'IMG_17', label: 'contradiction' },
    { id: 'a2', text: 'the left bird is larger', images: ['IMG_3', 'IMG_4'], label: true },
  ],
  answering: [
    { id: 'q1', question: 'What color is the bus?', image: 'IMG_17', answers: { red: 1, orange: 0.3 } },
    { id: 'q2', question: 'How many dogs?', image: 'IMG_3', answers: ['2', '2', '3'] },
  ],
  grounding: [
    {
      id: 'g1',
      text: 'a man holds two balls',
      image: 'IMG_9',
      phrases: [{ words: [0, 1], boxes: [[10, 10, 50, 90]] }],
    },
  ],
};

/** Names of the tasks over own data. */
export const OWN_TASKS = Object.keys(OWN_SCHEMAS) as OwnTaskName[];
