// VCR: chooses one of four answers (Q->A), or of four rationales given the answer (QA->R).
import { writeTextAtomic } from '#platform';
import { alignmentTensor } from '../../processing/aligned-text.js';
import { DEFAULT_BUCKETS, type EncodedExample } from '../../processing/batch.js';
import type { VisualBertProcessor } from '../../processing/processor.js';
import { softmax } from '../../scores.js';
import { openedWith } from '../../features/region-features.js';
import { scoreVcr, type VcrPrediction } from '../../metrics/vcr.js';
import { readVcr, type VcrRecord } from '../../records/vcr.js';
import type { RawTensor } from '../../raw-tensor.js';
import type { ExampleNote, Metric, Task } from '../../evaluation/task.js';
import { mapSplits, readAll, readSplits, type RecordKind, recordDatasets } from '../shared/datasets.js';
import { logitRows, ranking } from '../shared/logits.js';
import { keepingMetric } from '../shared/metric.js';
import { notedImages } from '../shared/notes.js';
import { labelledBatch, requireLabels } from '../shared/labels.js';
import type { OpenedTask, PredictionWriter, TaskContext } from '../shared/opened-task.js';
import type { VcrOptions } from '../shared/options.js';
import { collectPredictions, jsonLines } from '../shared/predictions.js';
import { newModelFields, taskProcessor } from '../shared/processor.js';
import { taskRegions } from '../shared/regions.js';
import { readVcrQuestion, vcrTexts, vcrWords } from './questions.js';

/** A question with choices: `given` is the answer that rationales are conditioned on. */
interface VcrQuestion {
  record: VcrRecord;
  given: number | null;
  label: number | null;
}

export interface VcrExample extends VcrQuestion {
  /** The text with each choice. */
  choices: readonly EncodedExample[];
  /** For each choice and region, the text positions that name it. */
  alignments: readonly (readonly (readonly number[])[])[];
}

const CHOICES = 4;

type Mode = VcrOptions['mode'];

/** Opens VCR data. @throws ConfigError when labels are missing; DataError when features do not match the objects. */
export async function openVcr(options: VcrOptions, context: TaskContext): Promise<OpenedTask<VcrExample>> {
  const splits = await readSplits((paths) => readAll(paths, readVcr), options.data, options.validationData);
  requireLabels(splits.records, {
    task: 'vcr',
    purpose: context.purpose,
    what: 'labels',
    isLabelled: ({ answerLabel, rationaleLabel }) => answerLabel !== null && rationaleLabel !== null,
    name: ({ annotId }) => `annotation ${annotId}`,
  });
  const processor = await taskProcessor('vcr', options, context, () => splits.records.flatMap(vcrTexts));
  const questions = mapSplits(splits, (records) => questionsOf(records, options.mode, context));
  return openedWith(await taskRegions(options.features, options, context), async (source) => ({
    task: createVcrTask(options, processor),
    architecture: 'VisualBertForMultipleChoice' as const,
    processor,
    ...(await recordDatasets(questions, source, processor, () => questionKind(options, processor))),
    config: newModelFields(processor, source.dim, context),
    createPredictions: createVcrPredictions,
    close: () => source.close(),
  }));
}

/** The questions of a mode. To predict rationales, each question occurs with every given answer, as the leaderboard requires. */
function questionsOf(records: readonly VcrRecord[], mode: Mode, { purpose }: TaskContext): VcrQuestion[] {
  if (mode === 'answer') return records.map((record) => ({ record, given: null, label: record.answerLabel }));
  if (purpose !== 'predict')
    return records.map((record) => ({ record, given: record.answerLabel, label: record.rationaleLabel }));
  return records.flatMap((record) => [0, 1, 2, 3].map((given) => ({ record, given, label: null })));
}

function questionKind(
  { mode, alignment, names }: VcrOptions,
  processor: VisualBertProcessor,
): RecordKind<VcrQuestion, VcrExample> {
  return {
    name: ({ record }) => `annotation ${record.annotId}`,
    images: ({ record }) => [record.imageId],
    fingerprint: ({ record, given }) => `${mode} ${given} ${JSON.stringify(record)}`,
    example: async (question, _, source) => {
      const { record, given } = question;
      const options = { given, processor, source, alignment, names };
      const { regions, choices } = await readVcrQuestion(record, mode, options);
      return {
        ...question,
        choices: choices.map(({ text }) => ({ text, regions: [regions] })),
        alignments: choices.map(({ positions }) => positions),
      };
    },
    textLength: ({ record, given }) => record.question.length + Math.max(...choiceLengths(record, given)) + 3,
    regionCount: ({ record }) => record.objects.length + 1,
  };
}

/** Words of each choice, with the given answer before them. */
function choiceLengths({ answers, rationales }: VcrRecord, given: number | null): number[] {
  if (given === null) return answers.map(({ length }) => length);
  return rationales.map(({ length }) => length + (answers[given]?.length ?? 0));
}

/** Batches `[b, 4, ...]` with `imageTextAlignment [b, 4, v, a]` (-1: none) and `labels [b]`. */
function createVcrTask({ mode, names }: VcrOptions, processor: VisualBertProcessor): Task<VcrExample> {
  return {
    name: 'vcr',
    primaryMetric: 'accuracy',
    greaterIsBetter: true,
    collate: async (examples, { buckets = DEFAULT_BUCKETS }) => {
      const b = examples.length;
      const flat = processor.collate(
        examples.flatMap(({ choices }) => choices),
        { buckets },
      );
      const inputs: Record<string, RawTensor> = {};
      for (const [name, tensor] of Object.entries(flat))
        inputs[name] = { ...tensor, shape: [b, CHOICES, ...tensor.shape.slice(1)] };
      const alignment = alignmentTensor(
        examples.flatMap(({ alignments }) => alignments),
        inputs['visualEmbeds']?.shape[2] ?? 0,
      );
      inputs['imageTextAlignment'] = { ...alignment, shape: [b, CHOICES, ...alignment.shape.slice(1)] };
      const isLabelled = examples.every(({ label }) => label !== null);
      const data = Int32Array.from(examples, ({ label }) => label as number);
      return labelledBatch(inputs, isLabelled ? { dtype: 'int32', shape: [b], data } : null, b);
    },
    describe: (examples, outputs) =>
      probabilities(examples, outputs).map((row, i) => noteOf(examples[i] as VcrExample, row, names)),
    createMetric: (): Metric<VcrExample> =>
      keepingMetric(
        (examples, outputs) =>
          probabilities(examples, outputs).flatMap((row, i) => {
            const { record, given, label } = examples[i] as VcrExample;
            const prediction: VcrPrediction = given === null ? { answers: row } : { rationales: { [given]: row } };
            return label === null ? [] : [{ record, prediction }];
          }),
        (judged) => {
          const predictions = new Map(judged.map(({ record, prediction }) => [record.annotId, prediction]));
          const records = judged.map(({ record }) => record);
          return { accuracy: scoreVcr(records, predictions)[mode === 'answer' ? 'Q->A' : 'QA->R'] ?? 0 };
        },
      ),
  };
}

/** A note with the numbered choices, so that the confusion matrix shows whether one number is preferred. */
function noteOf(
  { record, given, label, choices }: VcrExample,
  row: readonly number[],
  names: VcrOptions['names'],
): ExampleNote {
  const { context, choices: texts } = vcrWords(record, given, names);
  const order = ranking(row);
  const predicted = order[0] as number;
  return {
    id: record.annotId,
    text: `${context} Right: ${texts[label ?? -1] ?? 'unknown'}`,
    expected: label === null ? '' : `choice ${label}`,
    predicted: `choice ${predicted}`,
    scores: order.map((choice) => [`${choice}: ${texts[choice]}`, row[choice] as number] as const),
    correct: Number(predicted === label),
    images: notedImages([record.imageId], choices[0]?.regions ?? []),
  };
}

/** Softmax over the four choices. */
function probabilities(examples: readonly VcrExample[], outputs: Record<string, RawTensor>): number[][] {
  return logitRows('vcr', outputs, examples.length, CHOICES).map((row) => [...softmax(row)]);
}

/** Lines `{ annot_id, answers }` or `{ annot_id, rationales: { "<answer>": [...] } }`; `visualbert score vcr` joins them. */
function createVcrPredictions(): PredictionWriter<VcrExample> {
  return collectPredictions(
    (examples, outputs) =>
      probabilities(examples, outputs).map((row, i) => {
        const { record, given } = examples[i] as VcrExample;
        return { annot_id: record.annotId, ...(given === null ? { answers: row } : { rationales: { [given]: row } }) };
      }),
    (path, lines) => writeTextAtomic(path, jsonLines(lines)),
  );
}
