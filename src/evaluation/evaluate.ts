// Runs a task's examples through a model and computes the task's metrics.
import { type Buckets } from '../processing/batch.js';
import { prefetch } from '../lists.js';
import { type RawTensor } from '../raw-tensor.js';
import { readBatch } from './read-batch.js';
import { cutOutputs, filledInputs, wholeInputs } from '../inference/fill-batch.js';
import { fitBuckets } from './buckets.js';
import { evaluationBatches } from './data-order.js';
import { type Dataset, type Task } from './task.js';
import { requireBatchSize, requireKinds, requireOptions } from '../options.js';
import { itemsOfShard, type Shard } from '../shard.js';
import { counted } from '../words.js';

/** Options of `evaluateTask`. */
export interface EvaluateOptions<E> {
  task: Task<E>;
  dataset: Dataset<E>;
  batchSize: number;
  seed: number;
  /** Forward pass without dropout: `TrainingStep.outputs`, or a model's. */
  outputs: (inputs: Record<string, RawTensor>) => Promise<Record<string, RawTensor>>;
  /** Lengths that batches are padded to. Default: fitted to the data set by `evaluationBuckets`. */
  buckets?: Buckets;
  /** Pad a short batch to the batch size, for forward passes recorded per shape. */
  padBatches: boolean;
  /** Whether metrics can be computed; default true. Without labels only `onBatch` receives the outputs. */
  hasLabels?: boolean;
  /** Run only this part of the batches; the metrics are then those of the part. Default: all. */
  shard?: Shard | undefined;
  /** @param indices of the examples in the data set: batches come by length. */
  onBatch?: (examples: readonly E[], outputs: Record<string, RawTensor>, indices: readonly number[]) => void;
  /** Called before each batch: true ends the evaluation early. */
  isStopped?: () => boolean;
}

/** Batches that are prepared while one runs. */
const BATCHES_AHEAD = 2;
/** Maximum number of batch shapes in an evaluation. */
const MAX_SHAPES = 8;

/** Buckets for evaluations of a data set in batches of a size; they depend only on these, so that training and a later evaluation agree. */
export async function evaluationBuckets<E>({
  task,
  dataset,
  batchSize,
  seed,
  padBatches,
}: Omit<EvaluateOptions<E>, 'outputs'>): Promise<Buckets> {
  const batches = evaluationBatches(dataset, batchSize);
  const filled = padBatches ? { batchSize } : {};
  const options = { batches, batchCount: batches.length, maxShapes: MAX_SHAPES, seed, ...filled };
  return (await fitBuckets(task, dataset, options)).buckets;
}

/** A batch of an evaluation, and what the model made of it. */
export interface EvaluatedBatch<E> {
  /** Of the examples in the data set. */
  indices: readonly number[];
  examples: readonly E[];
  outputs: Record<string, RawTensor>;
  /** Mean over the examples; null without labels. */
  loss: number | null;
}

/** Runs batches of a data set through the model, one at each `next`. */
export async function* evaluateBatches<E>(
  options: EvaluateOptions<E>,
  batches: readonly (readonly number[])[],
): AsyncGenerator<EvaluatedBatch<E>, void, undefined> {
  const { task, dataset, batchSize, seed, padBatches } = options;
  const buckets = options.buckets ?? (await evaluationBuckets(options));
  const seeding = { seed, epoch: 0, training: false, buckets };
  for await (const { indices, examples, batch } of prefetch(batches, BATCHES_AHEAD, async (indices) => ({
    indices,
    ...(await readBatch(task, dataset, indices, seeding)),
  }))) {
    const { count } = batch;
    const inputs = padBatches ? filledInputs(batch, batchSize) : wholeInputs(batch);
    const padded = await options.outputs(inputs);
    const outputs = cutOutputs(padded, padBatches ? batchSize : count, count, task.sharedOutputs);
    yield { indices, examples, outputs, loss: outputs['loss']?.data[0] ?? null };
  }
}

/** The mean loss over the examples of batches that have one. */
export class LossMean {
  private sum = 0;
  private count = 0;

  add(loss: number | null, count: number): void {
    if (loss === null) return;
    this.sum += loss * count;
    this.count += count;
  }

  metrics(): { loss?: number } {
    return this.count > 0 ? { loss: this.sum / this.count } : {};
  }
}

/**
 * Metrics over the whole data set: the task's own, and `loss` (mean over examples) when the batches carry labels.
 * Null when `isStopped` ended it.
 * @throws ConfigError for an invalid shard
 * @example
 * const step = await createTrainingStep(model, { learningRate: 1e-3 });
 * const outputs = (inputs) => step.outputs(inputs);
 * const metrics = await evaluateTask({ task, dataset: validation, batchSize: 4, seed: 0, padBatches: true, outputs });
 * await step.dispose();
 */
export async function evaluateTask<E>(options: EvaluateOptions<E>): Promise<Record<string, number> | null> {
  requireOptions('evaluateTask', options);
  const { task, dataset, batchSize } = options;
  requireKinds('evaluateTask', { 'an object': { task, dataset }, 'a function': { outputs: options.outputs } });
  requireBatchSize(options.batchSize);
  const metric = task.createMetric();
  const all = evaluationBatches(dataset, batchSize);
  const { shard } = options;
  const batches = shard === undefined ? all : itemsOfShard(all, shard, counted(all.length, 'batch', 'batches'));
  const loss = new LossMean();
  const evaluated = evaluateBatches(options, batches);
  try {
    for (let done = 0; done < batches.length; done++) {
      if (options.isStopped?.()) return null;
      const { value } = await evaluated.next();
      if (value === undefined) break;
      if (options.hasLabels !== false) metric.update(value.examples, value.outputs);
      options.onBatch?.(value.examples, value.outputs, value.indices);
      loss.add(value.loss, value.examples.length);
    }
  } finally {
    await evaluated.return();
  }
  return { ...loss.metrics(), ...(options.hasLabels === false ? {} : metric.compute()) };
}
