// What NLVR, NLVR2 and own classification share: a text about one or two images belongs to one of some classes.
import { DEFAULT_BUCKETS } from '../../processing/batch.js';
import type { VisualBertProcessor } from '../../processing/processor.js';
import type { RegionFeatureSource } from '../../features/region-features.js';
import { ConfigError, DataError } from '../../errors.js';
import type { RawTensor } from '../../raw-tensor.js';
import { softmax } from '../../scores.js';
import type { Dataset, Metric, Task } from '../../training/task.js';
import type { OpenedTask, PredictionWriter, TaskContext } from '../shared/opened-task.js';
import { NOTED_ANSWERS, notedImages } from '../shared/notes.js';
import {
  approximateLength,
  fingerprintOf,
  inPlace,
  newModelFields,
  requireImages,
  type TaskExample,
  type TaskRegions,
} from '../shared/task-parts.js';

/** A text with its images and, where it is told, its class. */
export interface ClassifiedText {
  id: string;
  text: string;
  textPair?: string;
  imageIds: readonly string[];
  classIndex: number | null;
}

export type ClassifiedExample<R extends ClassifiedText> = TaskExample<R>;

/** The figures over predicted classes, and the file of predictions. */
export interface ClassificationJudge<R> {
  figures(records: readonly R[], predicted: readonly number[]): Record<string, number>;
  write(
    path: string,
    records: readonly R[],
    predicted: readonly number[],
    probabilities: readonly (readonly number[])[],
  ): Promise<void>;
}

export interface ClassificationParts<R extends ClassifiedText> {
  name: string;
  classes: readonly string[];
  records: readonly R[];
  validation: readonly R[] | null;
  processor: VisualBertProcessor;
  source: TaskRegions;
  context: TaskContext;
  judge: ClassificationJudge<R>;
}

/** A task over classes. @throws ConfigError when a label is lacking where one is needed. */
export function classificationTask<R extends ClassifiedText>(
  parts: ClassificationParts<R>,
): OpenedTask<ClassifiedExample<R>> {
  const { name, classes, records, validation, processor, source, context, judge } = parts;
  const unlabelled = records.find(({ classIndex }) => classIndex === null);
  if (context.purpose !== 'predict' && unlabelled !== undefined) {
    throw new ConfigError(`task ${name}: to ${context.purpose}, every record needs a label; ${unlabelled.id} has none`);
  }
  return {
    task: createClassificationTask(name, classes, processor, judge),
    modelClass: 'VisualBertForVisualReasoning',
    processor,
    data: textDataset(records, processor, source),
    validation: validation === null ? null : textDataset(validation, processor, source.validation),
    config: {
      id2label: Object.fromEntries(classes.map((label, i) => [i, label])),
      ...newModelFields(processor, source.dim, context),
    },
    createPredictions: () => createPredictions(classes.length, judge),
    close: () => source.close(),
  };
}

function textDataset<R extends ClassifiedText>(
  records: readonly R[],
  processor: VisualBertProcessor,
  source: RegionFeatureSource,
): Dataset<ClassifiedExample<R>> {
  requireImages(
    source,
    records.map(({ id, imageIds }) => [`record ${id}`, imageIds] as const),
  );
  return {
    length: records.length,
    fingerprint: fingerprintOf(
      records.map(
        ({ id, text, textPair = '', classIndex, imageIds }) =>
          `${id} ${imageIds.join(' ')} ${classIndex} ${text}\t${textPair}`,
      ),
    ),
    example: async (index) => {
      const record = records[index];
      if (record === undefined) throw new DataError(`example ${index}: the data set has ${records.length}`);
      const [text, ...regions] = await Promise.all([
        processor.encodeText(record.text, record.textPair),
        ...record.imageIds.map((id) => source.read(id)),
      ]);
      return { record, text, images: regions.map((one) => processor.fitRegions(one)) };
    },
    sizeOf: (index) => {
      const { text = '', textPair = '', imageIds = [] } = records[index] ?? {};
      const counts = imageIds.map((id) => Math.min(source.countOf?.(id) ?? 0, processor.maxRegions));
      return { text: approximateLength(`${text} ${textPair}`), regions: counts.reduce((sum, count) => sum + count, 0) };
    },
  };
}

/** Batches with `labels [b] int32`. */
function createClassificationTask<R extends ClassifiedText>(
  name: string,
  classes: readonly string[],
  processor: VisualBertProcessor,
  judge: ClassificationJudge<R>,
): Task<ClassifiedExample<R>> {
  const c = classes.length;
  return {
    name,
    primaryMetric: 'accuracy',
    greaterIsBetter: true,
    collate: async (examples) => {
      const inputs = processor.collate(examples, { buckets: DEFAULT_BUCKETS });
      if (examples.some(({ record }) => record.classIndex === null)) return { inputs, count: examples.length };
      const data = Int32Array.from(examples, ({ record }) => record.classIndex as number);
      return {
        inputs: { ...inputs, labels: { dtype: 'int32', shape: [examples.length], data } },
        count: examples.length,
      };
    },
    createMetric: (): Metric<ClassifiedExample<R>> => {
      const records: R[] = [];
      const predicted: number[] = [];
      return {
        update: (examples, outputs) => {
          probabilitiesOf(examples, outputs, c).forEach((row, i) => {
            const { record } = examples[i] as ClassifiedExample<R>;
            if (record.classIndex === null) return;
            records.push(record);
            predicted.push(indexOfMax(row));
          });
        },
        compute: () => (records.length === 0 ? {} : judge.figures(records, predicted)),
      };
    },
    describe: (examples, outputs) =>
      probabilitiesOf(examples, outputs, c).map((row, i) => {
        const { record, images } = examples[i] as ClassifiedExample<R>;
        const { id, text, textPair, imageIds, classIndex } = record;
        const order = row.map((_, index) => index).sort((a, b) => (row[b] as number) - (row[a] as number));
        const nameOf = (index: number | null | undefined): string => classes[index ?? -1] ?? '';
        return {
          id,
          text: textPair === undefined ? text : `${text} / ${textPair}`,
          expected: nameOf(classIndex),
          predicted: nameOf(order[0]),
          scores: order.slice(0, NOTED_ANSWERS).map((index) => [nameOf(index), row[index] as number] as const),
          correct: Number(order[0] === classIndex),
          images: notedImages(imageIds, images),
        };
      }),
  };
}

function createPredictions<R extends ClassifiedText>(
  c: number,
  judge: ClassificationJudge<R>,
): PredictionWriter<ClassifiedExample<R>> {
  const records: R[] = [];
  const probabilities: number[][] = [];
  return {
    update: (examples, outputs) => {
      records.push(...examples.map(({ record }) => record));
      probabilities.push(...probabilitiesOf(examples, outputs, c));
    },
    write: (path, places) => {
      const sorted = inPlace(probabilities, places);
      return judge.write(path, inPlace(records, places), sorted.map(indexOfMax), sorted);
    },
  };
}

/** Softmax of the logits `[b, c]`, row by row. */
function probabilitiesOf(examples: readonly unknown[], { logits }: Record<string, RawTensor>, c: number): number[][] {
  if (logits?.data.length !== examples.length * c) {
    throw new DataError(
      `expected logits [${examples.length}, ${c}], received ${logits === undefined ? 'none' : `[${logits.shape.join(', ')}]`}; the model has other classes than the data`,
    );
  }
  return examples.map((_, i) => softmax(logits.data.subarray(i * c, (i + 1) * c)));
}

function indexOfMax(values: readonly number[]): number {
  return values.reduce((best, value, i) => (value > (values[best] as number) ? i : best), 0);
}
