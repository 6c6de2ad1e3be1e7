// What NLVR and NLVR2 share: a statement about pictures is true or false.
import { writeTextAtomic } from '#platform';
import { DEFAULT_BUCKETS } from '../data/batch.js';
import { scoreNlvr } from '../data/nlvr-accuracy.js';
import type { Statement } from '../data/nlvr-records.js';
import type { VisualBertProcessor } from '../data/processor.js';
import type { RegionFeatureSource } from '../data/region-features.js';
import { ConfigError, DataError } from '../errors.js';
import type { RawTensor } from '../raw-tensor.js';
import type { Dataset, Metric, Task } from '../training/task.js';
import type { OpenedTask, PredictionWriter, TaskContext } from './opened-task.js';
import {
  approximateLength,
  fingerprintOf,
  newModelFields,
  requireImages,
  type TaskExample,
  textEncoder,
} from './task-parts.js';

export type StatementExample = TaskExample<Statement>;

/** Classes of the head; the authors' 1 is true. */
const LABELS = { 0: 'False', 1: 'True' };

export interface StatementTaskParts {
  name: 'nlvr' | 'nlvr2';
  statements: readonly Statement[];
  validation: readonly Statement[] | null;
  processor: VisualBertProcessor;
  source: RegionFeatureSource;
  context: TaskContext;
}

/** A task over statements. @throws ConfigError when a label is lacking where one is needed. */
export function statementTask({
  name,
  statements,
  validation,
  processor,
  source,
  context,
}: StatementTaskParts): OpenedTask<StatementExample> {
  const unlabelled = statements.find(({ label }) => label === null);
  if (context.purpose !== 'predict' && unlabelled !== undefined) {
    throw new ConfigError(
      `task ${name}: to ${context.purpose}, every statement needs a label; ${unlabelled.identifier} has none`,
    );
  }
  return {
    task: createStatementTask(name, processor),
    modelClass: 'VisualBertForVisualReasoning',
    processor,
    data: statementDataset(statements, processor, source),
    validation: validation === null ? null : statementDataset(validation, processor, source),
    config: { id2label: LABELS, ...newModelFields(processor, source.dim, context) },
    createPredictions: createStatementPredictions,
    close: () => source.close(),
  };
}

function statementDataset(
  statements: readonly Statement[],
  processor: VisualBertProcessor,
  source: RegionFeatureSource,
): Dataset<StatementExample> {
  requireImages(
    source,
    statements.map(({ identifier, imageIds }) => [`statement ${identifier}`, imageIds] as const),
  );
  const encode = textEncoder(processor, (index) => (statements[index] as Statement).sentence);
  return {
    length: statements.length,
    fingerprint: fingerprintOf(
      statements.map(
        ({ identifier, sentence, label, imageIds }) =>
          `${identifier} ${imageIds.join(' ')} ${String(label)} ${sentence}`,
      ),
    ),
    example: async (index) => {
      const record = statements[index];
      if (record === undefined) throw new DataError(`example ${index}: the data set has ${statements.length}`);
      const [text, ...regions] = await Promise.all([encode(index), ...record.imageIds.map((id) => source.read(id))]);
      return { record, text, images: regions.map((one) => processor.fitRegions(one)) };
    },
    sizeOf: (index) => {
      const { sentence = '', imageIds = [] } = statements[index] ?? {};
      const counts = imageIds.map((id) => Math.min(source.countOf?.(id) ?? 0, processor.maxRegions));
      return { text: approximateLength(sentence), regions: counts.reduce((sum, count) => sum + count, 0) };
    },
  };
}

/** Batches with `labels [b] int32` (1 = true); accuracy and consistency in percent. */
export function createStatementTask(name: 'nlvr' | 'nlvr2', processor: VisualBertProcessor): Task<StatementExample> {
  return {
    name,
    primaryMetric: 'accuracy',
    greaterIsBetter: true,
    collate: async (examples) => {
      const inputs = processor.collate(examples, { buckets: DEFAULT_BUCKETS });
      if (examples.some(({ record }) => record.label === null)) return { inputs, count: examples.length };
      const data = Int32Array.from(examples, ({ record }) => (record.label === true ? 1 : 0));
      return {
        inputs: { ...inputs, labels: { dtype: 'int32', shape: [examples.length], data } },
        count: examples.length,
      };
    },
    createMetric: () => createStatementMetric(name === 'nlvr2'),
  };
}

/** Whether each statement is taken to be true: the greater of the two logits. */
function predictedLabels(examples: readonly StatementExample[], outputs: Record<string, RawTensor>): boolean[] {
  const logits = outputs['logits'];
  if (logits?.data.length !== examples.length * 2) {
    throw new DataError(
      `expected logits [${examples.length}, 2], received ${logits === undefined ? Object.keys(outputs).join(', ') : `[${logits.shape.join(', ')}]`}`,
    );
  }
  return examples.map((_, i) => (logits.data[2 * i + 1] as number) > (logits.data[2 * i] as number));
}

function createStatementMetric(hasPairs: boolean): Metric<StatementExample> {
  const statements: Statement[] = [];
  const predictions = new Map<string, boolean>();
  return {
    update: (examples, outputs) => {
      const labels = predictedLabels(examples, outputs);
      examples.forEach(({ record }, i) => {
        if (record.label === null) return;
        statements.push(record);
        predictions.set(record.identifier, labels[i] as boolean);
      });
    },
    compute: () => {
      if (statements.length === 0) return {};
      const { accuracy, consistency } = scoreNlvr(statements, predictions);
      return { accuracy: 100 * accuracy, ...(hasPairs ? { consistency: 100 * consistency } : {}) };
    },
  };
}

/** The CSV of the NLVR2 leaderboard: `identifier,True|False`. */
function createStatementPredictions(): PredictionWriter<StatementExample> {
  const lines: string[] = [];
  return {
    update: (examples, outputs) => {
      const labels = predictedLabels(examples, outputs);
      examples.forEach(({ record }, i) => lines.push(`${record.identifier},${labels[i] === true ? 'True' : 'False'}`));
    },
    write: (path) => writeTextAtomic(path, `${lines.join('\n')}\n`),
  };
}
