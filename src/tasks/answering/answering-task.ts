// Shared by VQA and own questions: soft scores over a list of answers, and the best answer of each question.
import { approximateLength } from '../../processing/approximate-length.js';
import { readText } from '#platform';
import { DEFAULT_BUCKETS } from '../../processing/batch.js';
import { type AnswerVocabulary, noAnswerNames, parseAnswers } from '../../processing/answer-vocabulary.js';
import type { VisualBertProcessor } from '../../processing/processor.js';
import { openedWith } from '../../features/region-features.js';
import { DataError } from '../../errors.js';
import { warnOnce } from '../../logger.js';
import type { RawTensor } from '../../raw-tensor.js';
import { counted, firstOf } from '../../words.js';
import type { ExampleNote, Metric, Task } from '../../evaluation/task.js';
import {
  onceEach,
  readRegions,
  type RecordKind,
  recordDatasets,
  type Splits,
  type TaskExample,
} from '../shared/datasets.js';
import { labelledBatch } from '../shared/labels.js';
import { logitRows } from '../shared/logits.js';
import { keepingMetric } from '../shared/metric.js';
import { notedAnswers, notedImages } from '../shared/notes.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { AnsweringOptions, VqaOptions } from '../shared/options.js';
import { collectPredictions } from '../shared/predictions.js';
import { newModelFields, taskProcessor } from '../shared/processor.js';
import { taskRegions } from '../shared/regions.js';

/** A question about an image. */
export interface Question {
  question: string;
  imageId: string;
}

/** A record with the model's answer. */
export interface AnswerPrediction<R> {
  record: R;
  answer: string;
}

/** The names, scores and predictions of a data set's records. */
export interface QuestionKind<R> extends Pick<RecordKind<R, unknown>, 'name' | 'fingerprint'> {
  task: string;
  id(record: R): string;
  isAnswered(record: R): boolean;
  /** Scores of the answers: `[c] float32`, 0 to 1. */
  softScores(record: R, answers: AnswerVocabulary): Float32Array;
  /** The expected answer in reports. */
  expected(record: R): string;
  /** The score of an answer, from 0 to 1. */
  score(record: R, answer: string): number;
  metrics(predictions: readonly AnswerPrediction<R>[]): Record<string, number>;
  write(path: string, predictions: readonly AnswerPrediction<R>[]): Promise<void>;
  /** The answers of the data, for a new head. */
  buildAnswers(records: readonly R[]): AnswerVocabulary;
}

/**
 * A task over questions and a list of answers.
 * @throws ConfigError when there is no list of answers; DataError naming records whose image has no regions.
 */
export async function openQuestions<R extends Question>(
  kind: QuestionKind<R>,
  splits: Splits<R>,
  options: VqaOptions | AnsweringOptions,
  context: TaskContext,
): Promise<OpenedTask<TaskExample<R>>> {
  const texts = (): string[] => splits.records.map(({ question }) => question);
  const processor = await taskProcessor('vqa', options, context, texts);
  const answers = await chooseAnswers(options.answers, context, processor, () => kind.buildAnswers(splits.records));
  requireSomeAnswer(kind, splits.records, answers, context, options.answers ?? 'the model');
  const predict = (examples: readonly TaskExample<R>[], outputs: Record<string, RawTensor>): AnswerPrediction<R>[] =>
    logitRows(kind.task, outputs, examples.length).map((row, i) => ({
      record: (examples[i] as TaskExample<R>).record,
      answer: answers.best(row)[0]?.answer ?? '',
    }));
  return openedWith(await taskRegions(options.features, options, context), async (source) => ({
    task: {
      name: kind.task,
      primaryMetric: 'accuracy',
      greaterIsBetter: true,
      collate: async (examples, { buckets = DEFAULT_BUCKETS }) => {
        const inputs = processor.collate(examples, { buckets });
        return labelledBatch(inputs, softLabels(examples, kind, answers), examples.length);
      },
      createMetric: () => createMetric(kind, predict),
      describe: (examples, outputs) =>
        logitRows(kind.task, outputs, examples.length).map((row, i) =>
          noteOf(examples[i] as TaskExample<R>, kind, notedAnswers(answers, row)),
        ),
    } satisfies Task<TaskExample<R>>,
    architecture: 'VisualBertForQuestionAnswering' as const,
    processor,
    ...(await recordDatasets(splits, source, processor, () => questionRecords(kind, processor))),
    config: {
      id2label: Object.fromEntries(answers.answers.map((answer, i) => [i, answer])),
      ...newModelFields(processor, source.dim, context),
    },
    hasGivenClasses: options.answers !== undefined,
    createPredictions: () => collectPredictions(predict, (path, predictions) => kind.write(path, predictions)),
    close: () => source.close(),
  }));
}

/** The answers: a file, else those of the model, else for training those of the data. */
async function chooseAnswers(
  file: string | undefined,
  { purpose, model }: TaskContext,
  processor: VisualBertProcessor,
  build: () => AnswerVocabulary,
): Promise<AnswerVocabulary> {
  if (processor.answers !== null && (file === undefined || purpose !== 'train')) return processor.answers;
  if (file !== undefined) return parseAnswers(await readText(file), file);
  if (purpose === 'train') return build();
  throw noAnswerNames(model ?? 'model');
}

/**
 * Checks the list of answers: another list gives labels of zeros, a loss of 0 and no accuracy.
 * @throws DataError when no training question has an answer of the list; for other purposes it warns
 */
function requireSomeAnswer<R>(
  kind: QuestionKind<R & Question>,
  records: readonly (R & Question)[],
  answers: AnswerVocabulary,
  { purpose }: TaskContext,
  list: string,
): void {
  const answered = records.filter((record) => kind.isAnswered(record));
  const isKnown = (record: R & Question): boolean => kind.softScores(record, answers).some((score) => score > 0);
  if (answered.length === 0 || answered.some(isKnown)) return;
  const problem =
    `task ${kind.task}: none of ${counted(answered.length, 'answered question')} has an answer among the ` +
    `${counted(answers.answers.length, 'answer')} of ${list} (${firstOf(answers.answers)})`;
  if (purpose === 'train')
    throw new DataError(`${problem}; give the list that belongs to the data, or none to build one from the data`);
  warnOnce(`${problem}: their accuracy is 0`);
}

function questionRecords<R extends Question>(
  { name, fingerprint }: QuestionKind<R>,
  processor: VisualBertProcessor,
): RecordKind<R, TaskExample<R>> {
  const encode = onceEach(({ question }: R) => processor.encodeText(question));
  return {
    name,
    fingerprint,
    images: ({ imageId }) => [imageId],
    example: async (record, index, source) => {
      const [text, images] = await Promise.all([
        encode(record, index),
        readRegions([record.imageId], source, processor),
      ]);
      return { record, text, regions: images };
    },
    textLength: ({ question }) => approximateLength(question),
  };
}

/** `[b, c] float32`, or null when an example has no answers. */
function softLabels<R>(
  examples: readonly TaskExample<R>[],
  { isAnswered, softScores }: QuestionKind<R>,
  answers: AnswerVocabulary,
): RawTensor | null {
  if (!examples.every(({ record }) => isAnswered(record))) return null;
  const data = new Float32Array(examples.length * answers.size);
  examples.forEach(({ record }, i) => data.set(softScores(record, answers), i * answers.size));
  return { dtype: 'float32', shape: [examples.length, answers.size], data };
}

function createMetric<R>(
  kind: QuestionKind<R>,
  predict: (examples: readonly TaskExample<R>[], outputs: Record<string, RawTensor>) => AnswerPrediction<R>[],
): Metric<TaskExample<R>> {
  return keepingMetric(
    (examples, outputs) => predict(examples, outputs).filter(({ record }) => kind.isAnswered(record)),
    (judged) => kind.metrics(judged),
  );
}

/** One example with its most likely answers. */
function noteOf<R extends Question>(
  { record, regions }: TaskExample<R>,
  kind: QuestionKind<R>,
  noted: Pick<ExampleNote, 'predicted' | 'scores'>,
): ExampleNote {
  return {
    id: kind.id(record),
    text: record.question,
    expected: kind.expected(record),
    ...noted,
    correct: kind.isAnswered(record) ? kind.score(record, noted.predicted) : 0,
    images: notedImages([record.imageId], regions),
  };
}
