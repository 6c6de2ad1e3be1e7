// The updates of an epoch as inputs of the step: read ahead, padded, and with several workers only the share of this one.
import { type Cluster } from '../../cluster/contract.js';
import { type Buckets } from '../../processing/batch.js';
import { prefetch } from '../../prefetch.js';
import { type RawTensors } from '../../raw-tensor.js';
import { type Batch, type CollateOptions } from '../task.js';
import { allInputs, fillBatch, readBatch } from './batches.js';
import { epochBatches } from './data-order.js';
import { MASKS } from './padding.js';
import { type RunContext } from './run-context.js';

/** Updates whose batches are made while a step runs. */
const UPDATES_AHEAD = 2;

/** One update. */
export interface Update {
  inputs: RawTensors[];
  /** With several workers: the share of each batch among all examples of the update. */
  shares?: readonly number[];
  /** The batches before they were filled up. */
  batches: Batch[];
  /** Examples of all workers. */
  exampleCount: number;
}

/** What reading updates needs of a run. */
type Reading<E> = Pick<
  RunContext<E>,
  'task' | 'train' | 'arguments' | 'step' | 'stepsPerEpoch' | 'fittedBuckets' | 'cluster'
>;

/** The updates of an epoch that are not made yet. */
export async function* updatesOf<E>(run: Reading<E>, epoch: number): AsyncGenerator<Update> {
  const { step, stepsPerEpoch, train, cluster, arguments: given } = run;
  const { batchSize, accumulationSteps, seed, shuffle, groupByLength } = given;
  const batches = epochBatches(train, epoch, { batchSize, seed, shuffle, groupByLength });
  const first = step.step;
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
    cluster?.abandon(); // what was read ahead waits for workers that may have stopped reading
    await read.return(undefined);
  }
}

async function readWhole<E>(
  { task, train, step, arguments: { batchSize } }: Reading<E>,
  indices: readonly number[][],
  options: CollateOptions,
): Promise<Update> {
  const read = await Promise.all(indices.map((batch) => readBatch(task, train, batch, options)));
  const batches = read.map(({ batch }) => batch);
  return {
    batches,
    inputs: batches.map((batch) => allInputs(step.compiled ? fillBatch(batch, batchSize) : batch)),
    exampleCount: countOf(indices),
  };
}

/** What one worker reads of an update. */
interface Share {
  /** Of the update in the run. */
  number: number;
  indices: readonly number[][];
  options: CollateOptions & { buckets: Buckets };
}

/**
 * The rows of each batch that are this worker's: those from `worker * size` on. Where a short batch has none for it, an example of another
 * worker stands in with a share of 0. All pad to one length, so that dropout draws what it would draw in one process.
 */
async function readShare<E>(
  { task, train, arguments: { batchSize } }: Reading<E>,
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
    inputs: batches.map((batch) => allInputs(fillBatch(batch, size))),
    shares: own.map((rows) => rows.length / exampleCount),
    exampleCount,
  };
}

/** Text tokens and regions that a batch is padded to. */
function lengthsOf({ inputs }: Batch): number[] {
  return MASKS.map((name) => inputs[name]?.shape.at(-1) ?? 0);
}

/** Buckets of which the smallest is a length that some worker has. */
function atLeast(length: number, buckets: readonly number[]): number[] {
  return [length, ...buckets.filter((size) => size > length)];
}

function countOf(indices: readonly number[][]): number {
  return indices.reduce((sum, { length }) => sum + length, 0);
}
