// The order of examples and batches: a function of only seed and epoch, so that a resumed run can skip batches.
import { permutation } from '../random/values.js';
import { type Dataset } from './task.js';
import { chunk } from '../lists.js';

export interface OrderOptions {
  batchSize: number;
  seed: number;
  shuffle: boolean;
  groupByLength: boolean;
}

/** Batches within which examples are sorted by length: enough for similar lengths, few enough to stay random (as in transformers). */
const BATCHES_PER_GROUP = 50;

/** The batches of an epoch as indices of examples; the last one may be shorter. */
export function epochBatches(dataset: Dataset<unknown>, epoch: number, options: OrderOptions): number[][] {
  const { batchSize, seed, shuffle, groupByLength } = options;
  const order = shuffle
    ? [...permutation(dataset.length, seed, epoch)]
    : Array.from({ length: dataset.length }, (_, i) => i);
  if (!groupByLength || dataset.sizeOf === undefined) return chunk(order, batchSize);
  const longestFirst = byLength(dataset);
  const batches = chunk(order, batchSize * BATCHES_PER_GROUP).flatMap((group) =>
    chunk(group.sort(longestFirst), batchSize),
  );
  if (!shuffle) return batches;
  // The short batch stays last; the others are shuffled, so that an epoch does not run from long to short.
  const whole = batches.filter((batch) => batch.length === batchSize);
  const shuffled = permutation(whole.length, seed, ~epoch);
  return [
    ...Array.from(shuffled, (index) => whole[index] as number[]),
    ...batches.filter((batch) => batch.length < batchSize),
  ];
}

/** All examples once, longest first if lengths are known: the order does not matter, and batches of similar length need little padding. */
export function evaluationBatches(dataset: Dataset<unknown>, batchSize: number): number[][] {
  const order = Array.from({ length: dataset.length }, (_, i) => i);
  if (dataset.sizeOf === undefined) return chunk(order, batchSize);
  const longestFirst = byLength(dataset);
  return chunk(
    order.sort((a, b) => longestFirst(a, b) || a - b),
    batchSize,
  );
}

/** Number of classes of region counts: examples of one class are sorted by text length. */
const REGION_CLASSES = 4;

/** Compares examples by length, longest first: by class of region count, then by text, so that a batch has similar lengths in both. */
function byLength(dataset: Dataset<unknown>): (a: number, b: number) => number {
  const sizes = Array.from({ length: dataset.length }, (_, i) => dataset.sizeOf?.(i) ?? { text: 0, regions: 0 });
  const counts = sizes.map(({ regions }) => regions);
  const fewest = counts.reduce((least, count) => Math.min(least, count), Infinity);
  const most = counts.reduce((greatest, count) => Math.max(greatest, count), 0);
  const width = (most - fewest + 1) / REGION_CLASSES;
  const classOf = (count: number): number => Math.floor((count - fewest) / width);
  const keys = sizes.map(({ text, regions }) => [classOf(regions), text] as const);
  return (a, b) => {
    const [[classA, textA], [classB, textB]] = [keys[a] ?? [0, 0], keys[b] ?? [0, 0]];
    return classB - classA || textB - textA;
  };
}
