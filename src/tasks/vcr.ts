// VCR: which of four answers is right (Q->A), which of four rationales given the answer (QA->R).
import { writeTextAtomic } from '#platform';
import { DEFAULT_BUCKETS, type EncodedExample, type EncodedText } from '../data/batch.js';
import type { VisualBertProcessor } from '../data/processor.js';
import type { RegionFeatures, RegionFeatureSource } from '../data/region-features.js';
import { scoreVcr, type VcrPrediction } from '../data/vcr-accuracy.js';
import {
  nameObjects,
  readVcr,
  relevantObjects,
  VCR_NAMES,
  type VcrRecord,
  type VcrToken,
  type VcrWord,
} from '../data/vcr-records.js';
import { ConfigError, DataError } from '../errors.js';
import type { RawTensor } from '../raw-tensor.js';
import type { Dataset, Metric, Task } from '../training/task.js';
import type { OpenedTask, PredictionWriter, TaskContext } from './opened-task.js';
import type { VcrOptions } from './options.js';
import { fingerprintOf, newModelFields, overSource, requireImages, taskProcessor, taskRegions } from './task-parts.js';

/** A question to choose for: with `given`, the answer on which rationales are conditioned. */
interface VcrQuestion {
  record: VcrRecord;
  given: number | null;
  label: number | null;
}

export interface VcrExample extends VcrQuestion {
  /** The text with each choice. */
  choices: readonly EncodedExample[];
  /** Of each choice and region: the text positions that name it. */
  alignments: readonly (readonly (readonly number[])[])[];
}

const CHOICES = 4;
const ALIGNMENT_BUCKETS = [1, 2, 4, 8, 16, 32];

type Mode = VcrOptions['mode'];

/** Opens VCR data. @throws ConfigError when labels are lacking; DataError when features do not fit the objects. */
export async function openVcr(options: VcrOptions, context: TaskContext): Promise<OpenedTask<VcrExample>> {
  const read = async (paths: readonly string[]): Promise<VcrRecord[]> => (await Promise.all(paths.map(readVcr))).flat();
  const records = await read(options.data);
  const validation = options.validationData === undefined ? null : await read(options.validationData);
  const unlabelled = records.find(({ answerLabel, rationaleLabel }) => answerLabel === null || rationaleLabel === null);
  if (context.purpose !== 'predict' && unlabelled !== undefined) {
    throw new ConfigError(
      `task vcr: to ${context.purpose}, every annotation needs labels; ${unlabelled.annotId} has none`,
    );
  }
  const processor = await taskProcessor('vcr', options, context, () => [...VCR_NAMES, ...records.flatMap(textsOf)]);
  return overSource(await taskRegions(options.features, options, context), (source) => {
    const dataset = (all: readonly VcrRecord[], regions: RegionFeatureSource): Dataset<VcrExample> =>
      vcrDataset(all, options, context, processor, regions);
    return {
      task: createVcrTask(options.mode, processor),
      modelClass: 'VisualBertForMultipleChoice',
      processor,
      data: dataset(records, source),
      validation: validation === null ? null : dataset(validation, source.validation),
      config: newModelFields(processor, source.dim, context),
      createPredictions: createVcrPredictions,
      close: () => source.close(),
    };
  });
}

/** Everything that is read of a record, without its tags. */
function textsOf({ question, answers, rationales, objects }: VcrRecord): string[] {
  const tokens = [question, ...answers, ...rationales].flat();
  return [...objects, ...tokens.filter((token) => typeof token === 'string')];
}

/** The questions of a mode. To predict rationales, each is asked given every answer, as the leaderboard wants it. */
function questionsOf(records: readonly VcrRecord[], mode: Mode, { purpose }: TaskContext): VcrQuestion[] {
  if (mode === 'answer') return records.map((record) => ({ record, given: null, label: record.answerLabel }));
  if (purpose !== 'predict')
    return records.map((record) => ({ record, given: record.answerLabel, label: record.rationaleLabel }));
  return records.flatMap((record) => [0, 1, 2, 3].map((given) => ({ record, given, label: null })));
}

function vcrDataset(
  records: readonly VcrRecord[],
  options: VcrOptions,
  context: TaskContext,
  processor: VisualBertProcessor,
  source: RegionFeatureSource,
): Dataset<VcrExample> {
  requireImages(
    source,
    records.map(({ annotId, imageId }) => [`annotation ${annotId}`, [imageId]] as const),
  );
  const questions = questionsOf(records, options.mode, context);
  return {
    length: questions.length,
    fingerprint: fingerprintOf([options.mode, ...records.map((record) => JSON.stringify(record))]),
    example: async (index) => {
      const question = questions[index];
      if (question === undefined) throw new DataError(`example ${index}: the data set has ${questions.length}`);
      const { record, given } = question;
      const context = given === null ? record.question : [...record.question, ...(record.answers[given] as VcrToken[])];
      const tokens = options.mode === 'answer' ? record.answers : record.rationales;
      const objects = relevantObjects([context, ...tokens], record.objects);
      const regions = processor.fitRegions(
        regionsOfObjects(await source.read(record.imageId), objects, record, source.name),
      );
      const named = nameObjects(context, tokens, record.objects);
      const texts = await Promise.all(
        named.choices.map((choice) => encodePair(named.context, choice, processor, options.alignment)),
      );
      return {
        ...question,
        choices: texts.map(({ text }) => ({ text, images: [regions] })),
        // Region 0 is the whole picture, which no word names.
        alignments: texts.map(({ places }) => [[], ...objects.map((object) => places.get(object) ?? [])]),
      };
    },
  };
}

/** The row of the whole picture (0) and those of some objects (object i is row i + 1). */
function regionsOfObjects(
  regions: RegionFeatures,
  objects: readonly number[],
  { annotId, objects: all }: VcrRecord,
  name: string,
): RegionFeatures {
  const { count, dim, features, boxes, ...rest } = regions;
  if (count !== all.length + 1) {
    throw new DataError(
      `${name}: annotation ${annotId} has ${all.length} objects, its image has features of ${count} regions; expected the whole picture first, then each object`,
    );
  }
  const rows = [0, ...objects.map((object) => object + 1)];
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

/** `[CLS] context [SEP] choice [SEP]` and where each object is named. Long texts lose words of the front, the context down to 32 pieces. */
async function encodePair(
  context: readonly VcrWord[],
  choice: readonly VcrWord[],
  { tokenizer, maxLength }: VisualBertProcessor,
  alignment: VcrOptions['alignment'],
): Promise<{ text: EncodedText; places: Map<number, number[]> }> {
  interface Piece {
    id: number;
    object: number | null;
    word: number;
  }
  const cut = async (words: readonly VcrWord[]): Promise<Piece[]> => {
    const pieces = await Promise.all(words.map(({ word }) => tokenizer.encode(word)));
    // An object is aligned with the first piece of its name.
    return pieces.flatMap((ids, word) =>
      ids.map((id, i) => ({ id, word, object: i === 0 ? (words[word]?.object ?? null) : null })),
    );
  };
  let [first, second] = [await cut(context), await cut(choice)];
  const excess = first.length + second.length + 3 - maxLength;
  if (excess > 0) {
    const fromFirst = Math.min(Math.floor((excess + 1) / 2), Math.max(first.length - 32, 0));
    second = second.slice(excess - fromFirst);
    first = first.slice(fromFirst);
  }
  const places = new Map<number, number[]>();
  const note = (pieces: readonly Piece[], offset: number): void =>
    pieces.forEach(({ object, word }, i) => {
      if (object === null) return;
      // 'words' repeats the authors' slip: the number of the word is taken for that of its piece.
      places.set(object, [...(places.get(object) ?? []), offset + (alignment === 'words' ? word : i)]);
    });
  note(first, 1);
  note(second, first.length + 2);
  const { cls, sep } = tokenizer.special;
  const ids = [cls, ...first.map(({ id }) => id), sep, ...second.map(({ id }) => id), sep];
  return { text: { ids, typeIds: ids.map((_, i) => (i < first.length + 2 ? 0 : 1)) }, places };
}

/** Batches `[b, 4, ...]` with `imageTextAlignment [b, 4, v, a]` (-1: none) and `labels [b]`. */
function createVcrTask(mode: Mode, processor: VisualBertProcessor): Task<VcrExample> {
  return {
    name: 'vcr',
    primaryMetric: 'accuracy',
    greaterIsBetter: true,
    collate: async (examples) => {
      const b = examples.length;
      const flat = processor.collate(
        examples.flatMap(({ choices }) => choices),
        { buckets: DEFAULT_BUCKETS },
      );
      const inputs: Record<string, RawTensor> = {};
      for (const [name, tensor] of Object.entries(flat))
        inputs[name] = { ...tensor, shape: [b, CHOICES, ...tensor.shape.slice(1)] };
      inputs['imageTextAlignment'] = alignmentTensor(examples, inputs['visualEmbeds']?.shape[2] ?? 0);
      if (examples.every(({ label }) => label !== null)) {
        inputs['labels'] = {
          dtype: 'int32',
          shape: [b],
          data: Int32Array.from(examples, ({ label }) => label as number),
        };
      }
      return { inputs, count: b };
    },
    createMetric: (): Metric<VcrExample> => {
      const records: VcrRecord[] = [];
      const predictions = new Map<string, VcrPrediction>();
      return {
        update: (examples, outputs) => {
          probabilities(examples, outputs).forEach((row, i) => {
            const { record, given, label } = examples[i] as VcrExample;
            if (label === null) return;
            records.push(record);
            predictions.set(record.annotId, given === null ? { answers: row } : { rationales: { [given]: row } });
          });
        },
        compute: (): Record<string, number> => {
          if (records.length === 0) return {};
          const scores = scoreVcr(records, predictions);
          return { accuracy: (mode === 'answer' ? scores['Q->A'] : scores['QA->R']) ?? 0 };
        },
      };
    },
  };
}

function alignmentTensor(examples: readonly VcrExample[], v: number): RawTensor {
  const longest = Math.max(1, ...examples.flatMap(({ alignments }) => alignments.flat().map(({ length }) => length)));
  const a = ALIGNMENT_BUCKETS.find((size) => size >= longest) ?? longest;
  const data = new Int32Array(examples.length * CHOICES * v * a).fill(-1);
  examples.forEach(({ alignments }, i) =>
    alignments.forEach((regions, choice) =>
      regions.forEach((places, region) => data.set(places, ((i * CHOICES + choice) * v + region) * a)),
    ),
  );
  return { dtype: 'int32', shape: [examples.length, CHOICES, v, a], data };
}

/** Softmax over the four choices. */
function probabilities(examples: readonly VcrExample[], { logits }: Record<string, RawTensor>): number[][] {
  if (logits?.data.length !== examples.length * CHOICES)
    throw new DataError(`task vcr: expected logits [${examples.length}, 4]`);
  return examples.map((_, i) => {
    const row = Array.from(logits.data.subarray(i * CHOICES, (i + 1) * CHOICES));
    const highest = Math.max(...row);
    const powers = row.map((value) => Math.exp(value - highest));
    const sum = powers.reduce((total, value) => total + value, 0);
    return powers.map((value) => value / sum);
  });
}

/** Lines `{ annot_id, answers }` or `{ annot_id, rationales: { "<answer>": [...] } }`; `visualbert score vcr` joins them. */
function createVcrPredictions(): PredictionWriter<VcrExample> {
  const lines: string[] = [];
  return {
    update: (examples, outputs) => {
      probabilities(examples, outputs).forEach((row, i) => {
        const { record, given } = examples[i] as VcrExample;
        lines.push(
          JSON.stringify({
            annot_id: record.annotId,
            ...(given === null ? { answers: row } : { rationales: { [given]: row } }),
          }),
        );
      });
    },
    write: (path) => writeTextAtomic(path, `${lines.join('\n')}\n`),
  };
}
