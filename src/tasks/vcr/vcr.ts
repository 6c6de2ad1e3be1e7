// VCR: which of four answers is right (Q->A), which of four rationales given the answer (QA->R).
import { writeTextAtomic } from '#platform';
import { DEFAULT_BUCKETS, type EncodedExample } from '../../processing/batch.js';
import type { VisualBertProcessor } from '../../processing/processor.js';
import { openedWith, type RegionFeatureSource } from '../../features/region-features.js';
import { scoreVcr, type VcrPrediction } from '../../metrics/vcr.js';
import { readVcr, type VcrRecord } from '../../records/vcr.js';
import { ConfigError, DataError } from '../../errors.js';
import type { RawTensor } from '../../raw-tensor.js';
import { softmax } from '../../scores.js';
import type { Dataset, ExampleNote, Metric, Task } from '../../training/task.js';
import { notedImages } from '../shared/notes.js';
import type { OpenedTask, PredictionWriter, TaskContext } from '../shared/opened-task.js';
import type { VcrOptions } from '../shared/options.js';
import {
  fingerprintOf,
  inPlace,
  newModelFields,
  requireImages,
  taskProcessor,
  taskRegions,
} from '../shared/task-parts.js';
import { alignmentTensor } from '../../processing/aligned-text.js';
import { readVcrQuestion, vcrTexts, vcrWords } from './questions.js';

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
  const processor = await taskProcessor('vcr', options, context, () => records.flatMap(vcrTexts));
  return openedWith(await taskRegions(options.features, options, context), (source) => {
    const dataset = (all: readonly VcrRecord[], regions: RegionFeatureSource): Dataset<VcrExample> =>
      vcrDataset(all, options, context, processor, regions);
    return {
      task: createVcrTask(options, processor),
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
      const { regions, choices } = await readVcrQuestion(question.record, options.mode, {
        given: question.given,
        ...{ processor, source, alignment: options.alignment, names: options.names },
      });
      return {
        ...question,
        choices: choices.map(({ text }) => ({ text, images: [regions] })),
        alignments: choices.map(({ places }) => places),
      };
    },
  };
}

/** Batches `[b, 4, ...]` with `imageTextAlignment [b, 4, v, a]` (-1: none) and `labels [b]`. */
function createVcrTask({ mode, names }: VcrOptions, processor: VisualBertProcessor): Task<VcrExample> {
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
      const places = alignmentTensor(
        examples.flatMap(({ alignments }) => alignments),
        inputs['visualEmbeds']?.shape[2] ?? 0,
      );
      inputs['imageTextAlignment'] = { ...places, shape: [b, CHOICES, ...places.shape.slice(1)] };
      if (examples.every(({ label }) => label !== null)) {
        inputs['labels'] = {
          dtype: 'int32',
          shape: [b],
          data: Int32Array.from(examples, ({ label }) => label as number),
        };
      }
      return { inputs, count: b };
    },
    describe: (examples, outputs) =>
      probabilities(examples, outputs).map((row, i) => noteOf(examples[i] as VcrExample, row, names)),
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

/** The choices as a person reads them; numbered, so that the confusion shows whether a place is preferred. */
function noteOf(
  { record, given, label, choices }: VcrExample,
  row: readonly number[],
  names: VcrOptions['names'],
): ExampleNote {
  const { context, choices: texts } = vcrWords(record, given, names);
  const order = row.map((_, choice) => choice).sort((a, b) => (row[b] as number) - (row[a] as number));
  const predicted = order[0] as number;
  return {
    id: record.annotId,
    text: `${context} Right: ${texts[label ?? -1] ?? 'not told'}`,
    expected: label === null ? '' : `choice ${label}`,
    predicted: `choice ${predicted}`,
    scores: order.map((choice) => [`${choice}: ${texts[choice]}`, row[choice] as number] as const),
    correct: Number(predicted === label),
    images: notedImages([record.imageId], choices[0]?.images ?? []),
  };
}

/** Softmax over the four choices. */
function probabilities(examples: readonly VcrExample[], { logits }: Record<string, RawTensor>): number[][] {
  if (logits?.data.length !== examples.length * CHOICES)
    throw new DataError(`task vcr: expected logits [${examples.length}, 4]`);
  return examples.map((_, i) => softmax(logits.data.subarray(i * CHOICES, (i + 1) * CHOICES)));
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
    write: (path, places) => writeTextAtomic(path, `${inPlace(lines, places).join('\n')}\n`),
  };
}
