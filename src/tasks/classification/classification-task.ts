// Shared by NLVR, NLVR2 and own classification: the class of a text about one or two images.
import { approximateLength } from '../../processing/approximate-length.js';
import { DEFAULT_BUCKETS } from '../../processing/batch.js';
import type { VisualBertProcessor } from '../../processing/processor.js';
import { softmax } from '../../scores.js';
import type { RawTensor } from '../../raw-tensor.js';
import type { ExampleNote, Metric, Task } from '../../evaluation/task.js';
import {
  onceEach,
  readRegions,
  type RecordKind,
  recordDatasets,
  type Splits,
  type TaskExample,
} from '../shared/datasets.js';
import { labelledBatch, requireLabels } from '../shared/labels.js';
import { indexOfMax, logitRows, ranking } from '../shared/logits.js';
import { keepingMetric } from '../shared/metric.js';
import { NOTED_ANSWERS, notedImages } from '../shared/notes.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import { collectPredictions } from '../shared/predictions.js';
import { newModelFields } from '../shared/processor.js';
import type { TaskRegions } from '../shared/regions.js';

/** A text with its images and, if known, its class. */
export interface ClassifiedText {
  id: string;
  /** File and line, if known. */
  where?: string;
  text: string;
  textPair?: string;
  imageIds: readonly string[];
  classIndex: number | null;
}

export type ClassifiedExample<R extends ClassifiedText> = TaskExample<R>;

/** A record with the model's class. */
export interface ClassPrediction<R> {
  record: R;
  /** The most likely class. */
  predicted: number;
  /** The probability of each class. */
  probabilities: readonly number[];
}

/** The metrics of predicted classes, and the file of predictions. */
export interface ClassificationJudge<R> {
  metrics(predictions: readonly ClassPrediction<R>[]): Record<string, number>;
  write(path: string, predictions: readonly ClassPrediction<R>[]): Promise<void>;
}

export interface ClassificationParts<R extends ClassifiedText> extends Splits<R> {
  name: string;
  classes: readonly string[];
  /** Whether the order of classes is fixed, not derived from the data. */
  hasGivenClasses: boolean;
  processor: VisualBertProcessor;
  source: TaskRegions;
  context: TaskContext;
  judge: ClassificationJudge<R>;
}

/** A task over classes. @throws ConfigError when a required label is missing. */
export async function classificationTask<R extends ClassifiedText>(
  parts: ClassificationParts<R>,
): Promise<OpenedTask<ClassifiedExample<R>>> {
  const { name, classes, hasGivenClasses, records, processor, source, context, judge } = parts;
  requireLabels(records, {
    task: name,
    purpose: context.purpose,
    what: 'a label',
    isLabelled: ({ classIndex }) => classIndex !== null,
    name: recordName,
  });
  return {
    task: createClassificationTask(parts),
    architecture: 'VisualBertForVisualReasoning',
    processor,
    ...(await recordDatasets(parts, source, processor, () => textKind<R>(processor))),
    config: {
      id2label: Object.fromEntries(classes.map((label, i) => [i, label])),
      ...newModelFields(processor, source.dim, context),
    },
    hasGivenClasses,
    createPredictions: () =>
      collectPredictions<ClassifiedExample<R>, ClassPrediction<R>>(
        (examples, outputs) => predictClasses(parts, examples, outputs),
        (path, predictions) => judge.write(path, predictions),
      ),
    close: () => source.close(),
  };
}

function recordName({ where, id }: ClassifiedText): string {
  return where ?? `record ${id}`;
}

function textKind<R extends ClassifiedText>(processor: VisualBertProcessor): RecordKind<R, ClassifiedExample<R>> {
  const encode = onceEach(({ text, textPair }: R) => processor.encodeText(text, textPair));
  return {
    name: recordName,
    images: ({ imageIds }) => imageIds,
    fingerprint: ({ id, text, textPair = '', classIndex, imageIds }) =>
      `${id} ${imageIds.join(' ')} ${classIndex} ${text}\t${textPair}`,
    example: async (record, index, source) => {
      const [text, images] = await Promise.all([
        encode(record, index),
        readRegions(record.imageIds, source, processor),
      ]);
      return { record, text, regions: images };
    },
    textLength: ({ text, textPair = '' }) => approximateLength(`${text} ${textPair}`),
  };
}

/** Batches with `labels [b] int32`. */
function createClassificationTask<R extends ClassifiedText>(parts: ClassificationParts<R>): Task<ClassifiedExample<R>> {
  const { name, processor, judge } = parts;
  return {
    name,
    primaryMetric: 'accuracy',
    greaterIsBetter: true,
    collate: async (examples, { buckets = DEFAULT_BUCKETS }) => {
      const inputs = processor.collate(examples, { buckets });
      return labelledBatch(inputs, classLabels(examples), examples.length);
    },
    createMetric: (): Metric<ClassifiedExample<R>> =>
      keepingMetric(
        (examples, outputs) =>
          predictClasses(parts, examples, outputs).filter(({ record }) => record.classIndex !== null),
        (judged) => judge.metrics(judged),
      ),
    describe: (examples, outputs) =>
      predictClasses(parts, examples, outputs).map((prediction, i) =>
        noteOf(prediction, examples[i] as ClassifiedExample<R>, parts.classes),
      ),
  };
}

function classLabels(examples: readonly ClassifiedExample<ClassifiedText>[]): RawTensor | null {
  const labels = examples.map(({ record }) => record.classIndex);
  if (labels.includes(null)) return null;
  return { dtype: 'int32', shape: [labels.length], data: Int32Array.from(labels as number[]) };
}

function noteOf<R extends ClassifiedText>(
  { record, predicted, probabilities }: ClassPrediction<R>,
  { regions }: ClassifiedExample<R>,
  classes: readonly string[],
): ExampleNote {
  const { id, text, textPair, imageIds, classIndex } = record;
  const nameOf = (index: number | null): string => classes[index ?? -1] ?? '';
  return {
    id,
    text: textPair === undefined ? text : `${text} / ${textPair}`,
    expected: nameOf(classIndex),
    predicted: nameOf(predicted),
    scores: ranking(probabilities)
      .slice(0, NOTED_ANSWERS)
      .map((index) => [nameOf(index), probabilities[index] as number] as const),
    correct: Number(predicted === classIndex),
    images: notedImages(imageIds, regions),
  };
}

function predictClasses<R extends ClassifiedText>(
  { name, classes }: ClassificationParts<R>,
  examples: readonly ClassifiedExample<R>[],
  outputs: Record<string, RawTensor>,
): ClassPrediction<R>[] {
  return logitRows(name, outputs, examples.length, classes.length).map((row, i) => {
    const { record } = examples[i] as ClassifiedExample<R>;
    return { record, predicted: indexOfMax(row), probabilities: [...softmax(row)] };
  });
}
