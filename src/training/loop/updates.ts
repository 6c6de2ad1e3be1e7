// The updates of an epoch as inputs of the step: read ahead, padded, and with several workers only this worker's share.
import { type Cluster } from '../../cluster/contract.js';
import { type Buckets } from '../../processing/batch.js';
import { prefetch } from '../../lists.js';
import { type RawTensors } from '../../raw-tensor.js';
import type { CollateOptions } from '../../evaluation/task.js';
import type { Batch } from '../../inference/fill-batch.js';
import { readBatch } from '../../evaluation/read-batch.js';
import { filledInputs, wholeInputs } from '../../inference/fill-batch.js';
import { epochBatches } from '../../evaluation/data-order.js';
import { MASKS } from '../../evaluation/padding.js';
import { type RunContext } from './run-context.js';

/** Updates whose batches are prepared while a step runs. */
const UPDATES_AHEAD = 2;

/** One update. */
export interface Update {
  inputs: RawTensors[];
  /** With several workers: the share of each batch among all examples of the update. */
  shares?: readonly number[];
  /** The batches before padding. */
  batches: Batch[];
  /** Number of examples of all workers. */
  exampleCount: number;
}

/** The parts of a run that reading updates needs. */
type RunData<E> = Pick<
  RunContext<E>,
  'task' | 'train' | 'arguments' | 'trainingStep' | 'totalSteps' | 'stepsPerEpoch' | 'fittedBuckets' | 'cluster'
>;

/** The remaining updates of a run, for a step that makes each before it asks for the next. */
export async function* remainingUpdates<E>(run: RunData<E>): AsyncGenerator<Update> {
  const { trainingStep, totalSteps, stepsPerEpoch } = run;
  for (let epoch = Math.floor(trainingStep.step / stepsPerEpoch); trainingStep.step < totalSteps; epoch++) {
    for await (const update of updatesOf(run, epoch)) {
      yield update;
      if (trainingStep.step >= totalSteps) return;
    }
  }
}

/** The remaining updates of an epoch. */
async function* updatesOf<E>(run: RunData<E>, epoch: number): AsyncGenerator<Update> {
  const { trainingStep, stepsPerEpoch, train, cluster, arguments: given } = run;
  const { batchSize, accumulationSteps, seed, shuffle, groupByLength } = given;
  const batches = epochBatches(train, epoch, { batchSize, seed, shuffle, groupByLength });
  const first = trainingStep.step;
  const updates = Array.from({ length: stepsPerEpoch }, (_, i) => ({
    number: epoch * stepsPerEpoch + i,
    indices: batches.slice(i * accumulationSteps, (i + 1) * accumulationSteps),
  })).filter(({ number }) => number >= first);
  const { buckets } = await run.fittedBuckets();
  const options = { seed, epoch, training: true, buckets };
  const read = prefetch(updates, UPDATES_AHEAD, ({ number, indices }) =>
    cluster === null ? readWhole(run, indices, options) : readShare(run, cluster, { number, indices, options }),
  );
  try {
    for (let next = await read.next(); next.done !== true; next = await read.next()) yield next.value;
  } finally {
    cluster?.abandon(); // batches read ahead wait for workers that may have stopped reading
    await read.return(undefined);
  }
}

async function readWhole<E>(
  { task, train, trainingStep, arguments: { batchSize } }: RunData<E>,
  indices: readonly number[][],
  options: CollateOptions,
): Promise<Update> {
  const read = await Promise.all(indices.map((batch) => readBatch(task, train, batch, options)));
  const batches = read.map(({ batch }) => batch);
  return {
    batches,
    inputs: batches.map((batch) => (trainingStep.compiled ? filledInputs(batch, batchSize) : wholeInputs(batch))),
    exampleCount: countOf(indices),
  };
}

/** One worker's share of an update. */
interface Share {
  /** Index of the update in the run. */
  number: number;
  indices: readonly number[][];
  options: CollateOptions & { buckets: Buckets };
}

/**
 * This worker's rows of each batch, from `worker * size` on. If a short batch has none for it, it uses an example of another worker with
 * a share of 0. All workers pad to the same length, so that dropout draws the same numbers as in one process.
 */
async function readShare<E>(
  { task, train, arguments: { batchSize } }: RunData<E>,
  cluster: Cluster,
  { number, indices, options }: Share,
): Promise<Update> {
  const size = batchSize / cluster.count;
  const from = cluster.server.worker * size;
  const own = indices.map((batch) => batch.slice(from, from + size));
  const read = await Promise.all(
    own.map((rows, i) => readBatch(task, train, rows.length > 0 ? rows : (indices[i] ?? []).slice(0, 1), options)),
  );
  const lengths = await cluster.exchange(
    `lengths of update ${number}`,
    read.map(({ batch }) => lengthsOf(batch)),
  );
  const batches = await Promise.all(
    read.map(async ({ examples, batch }, i) => {
      const [text = 0, regions = 0] = MASKS.map((_, axis) => Math.max(...lengths.map((all) => all[i]?.[axis] ?? 0)));
      if (lengthsOf(batch).join() === [text, regions].join()) return batch;
      const buckets = { text: atLeast(text, options.buckets.text), regions: atLeast(regions, options.buckets.regions) };
      return task.collate(examples, { ...options, buckets });
    }),
  );
  const exampleCount = countOf(indices);
  return {
    batches,
    inputs: batches.map((batch) => filledInputs(batch, size)),
    shares: own.map((rows) => rows.length / exampleCount),
    exampleCount,
  };
}

/** Text tokens and regions that a batch is padded to. */
function lengthsOf({ inputs }: Batch): number[] {
  return MASKS.map((name) => inputs[name]?.shape.at(-1) ?? 0);
}

/** Buckets that are at least as long as the longest worker's batch. */
function atLeast(length: number, buckets: readonly number[]): number[] {
  return [length, ...buckets.filter((size) => size > length)];
}

function countOf(indices: readonly number[][]): number {
  return indices.reduce((sum, { length }) => sum + length, 0);
}
