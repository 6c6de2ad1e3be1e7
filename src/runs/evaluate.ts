// Runs a model over a task's examples: metrics of labelled ones, and the evaluation server's file.
import { z } from 'zod';
import { PREDICTION_PRECISIONS } from '../precision.js';
import { MODEL_CLASSES } from '../models/model-classes.js';
import { evaluateTask } from '../evaluation/evaluate.js';
import type { ForwardPass } from '../inference/forward-pass.js';
import { DEFAULT_BATCH_SIZE } from '../pipelines/create.js';
import { withForwardPass } from './forward-pass.js';
import { openTask } from '../tasks/open-task.js';
import type { LeftOutImage, OpenedTask, Purpose } from '../tasks/shared/opened-task.js';
import { BATCH_SIZE, callback, oneOf, parseOptions, table, text, truth } from '../options.js';

/** How a model runs over examples: names, checks, defaults and help texts. */
export const COMPUTING_OPTIONS = {
  batchSize: BATCH_SIZE.default(DEFAULT_BATCH_SIZE).describe('examples in one batch'),
  precision: oneOf(PREDICTION_PRECISIONS)
    .default('fp32')
    .describe('precision of matrix products; others than fp32 need the native engine, fp16 that or WebGPU'),
  allowFreshWeights: truth()
    .default(false)
    .describe('only warn if the file lacks parameters of the model, which are then initialized randomly'),
};

/** How a model runs over examples. */
export type ComputingOptions = z.input<z.ZodObject<typeof COMPUTING_OPTIONS>>;

/** Options of `evaluateRun`. */
export interface EvaluateRunOptions extends ComputingOptions {
  task: string;
  /** Folder or hub id of the model. */
  model: string;
  /** Options of the task: which examples, which features. */
  data: Record<string, unknown>;
  purpose: Extract<Purpose, 'evaluate' | 'predict'>;
  /** File for the predictions, in the evaluation server's format. */
  output?: string;
  onBatch?: (done: number, total: number) => void;
}

/** The checks of `EvaluateRunOptions`. */
export const evaluateRunSchema = z.strictObject({
  ...COMPUTING_OPTIONS,
  task: text('the name of a task'),
  model: text('a folder or hub id'),
  data: table('the options of a task'),
  purpose: oneOf(['evaluate', 'predict']),
  output: text('a path').optional(),
  onBatch: callback<(done: number, total: number) => void>().optional(),
});

type Resolved = z.output<typeof evaluateRunSchema>;

/** Seed of the buckets, which are fitted to a sample of the examples. */
export const EVALUATION_SEED = 0;

export interface RunEvaluation {
  count: number;
  metrics: Record<string, number>;
  /** Images whose examples were left out. */
  leftOut: readonly LeftOutImage[];
}

/**
 * Evaluates all examples.
 * @throws ConfigError, DataError for settings or data that do not fit
 * @example
 * const data = { data: 'mine.jsonl', features: 'features.vbf' };
 * const { metrics } = await evaluateRun({ task: 'answering', model: 'runs/vqa', data, purpose: 'evaluate' });
 */
export async function evaluateRun(options: EvaluateRunOptions): Promise<RunEvaluation> {
  const resolved = parseOptions('evaluateRun', evaluateRunSchema, options);
  return withOpenedRun(resolved, (opened, forward) => judgeOutputs(opened, forward, resolved));
}

/** Opens the examples and the model of an evaluation, and closes both after `use`. */
export async function withOpenedRun<T>(
  { task, model: where, data, purpose, allowFreshWeights, precision }: Omit<Resolved, 'output' | 'onBatch'>,
  use: (opened: OpenedTask, forward: ForwardPass) => Promise<T>,
): Promise<T> {
  const opened = await openTask(task, data, { purpose, model: where });
  try {
    const model = { Model: MODEL_CLASSES[opened.architecture], where, allowFreshWeights, precision };
    return await withForwardPass(model, (forward) => use(opened, forward));
  } finally {
    await opened.close();
  }
}

/** The source of outputs: a model's forward pass, or stored outputs. */
export type OutputSource = Pick<ForwardPass, 'outputs' | 'compiled'>;

/** Computes the metrics of outputs, and writes the predictions if requested. */
export async function judgeOutputs(
  opened: OpenedTask,
  source: OutputSource,
  { purpose, batchSize, output, onBatch }: Pick<Resolved, 'purpose' | 'batchSize' | 'output' | 'onBatch'>,
): Promise<RunEvaluation> {
  const predictions = output === undefined ? null : opened.createPredictions();
  const order: number[] = [];
  const metrics = await evaluateTask({
    task: opened.task,
    dataset: opened.data,
    batchSize,
    seed: EVALUATION_SEED,
    outputs: (inputs) => source.outputs(inputs),
    padBatches: source.compiled,
    hasLabels: purpose === 'evaluate',
    onBatch: (examples, outputs, indices) => {
      predictions?.update(examples, outputs);
      order.push(...indices);
      onBatch?.(order.length, opened.data.length);
    },
  });
  if (output !== undefined) await predictions?.write(output, order);
  return { count: opened.data.length, metrics: metrics ?? {}, leftOut: opened.leftOut };
}
