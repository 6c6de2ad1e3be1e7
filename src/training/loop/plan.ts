// The plan of a run: its parts and arguments, checked together, and how many updates they make.
import { ConfigError } from '../../errors.js';
import { requireWholeShares, type ResolvedTrainingArguments, stepOptionsOf } from '../arguments.js';
import { CheckpointStore } from '../run-folder/checkpoints.js';
import { type TrainerState } from '../run-folder/trainer-state.js';
import { fitBuckets } from '../../evaluation/buckets.js';
import { epochBatches } from '../../evaluation/data-order.js';
import { type RunPlan } from './run-context.js';
import { type RunParts } from './trainer-options.js';

/** Maximum number of shapes of training batches. */
const MAX_SHAPES = 8;
/** The same with gradient accumulation, which records each shape for the first, middle and last batch of an update. */
const MAX_ACCUMULATED_SHAPES = 3;

/** Plans a run; opens and reads nothing. @throws ConfigError for an empty data set, and for workers that cannot share a batch */
export function planRun<E>(parts: RunParts<E>, given: ResolvedTrainingArguments): RunPlan<E> {
  const { task, train, validation, cluster } = parts;
  const { batchSize, accumulationSteps, epochs, maxSteps, outputDir } = given;
  if (train.length === 0) throw new ConfigError('Trainer: expected training examples, received an empty data set');
  if (validation?.length === 0)
    throw new ConfigError('Trainer: expected validation examples, received an empty data set; leave validation out');
  requireWholeShares(given, cluster?.count ?? 1);
  const stepsPerEpoch = Math.ceil(Math.ceil(train.length / batchSize) / accumulationSteps);
  const totalSteps = maxSteps ?? Math.max(1, Math.ceil(stepsPerEpoch * epochs));
  const fittedBuckets = once(async () =>
    fitBuckets(task, train, {
      batches: epochBatches(train, 0, given),
      batchCount: totalSteps * accumulationSteps,
      maxShapes: accumulationSteps === 1 ? MAX_SHAPES : MAX_ACCUMULATED_SHAPES,
      seed: given.seed,
      ...(stepOptionsOf(given, totalSteps).compile ? { batchSize } : {}),
    }),
  );
  const store = new CheckpointStore<TrainerState>(outputDir);
  return { ...parts, arguments: given, stepsPerEpoch, totalSteps, fittedBuckets, store };
}

/** Caches the promise of the first call. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => (made ??= make());
}
