// Which examples make which batch: a function of seed and epoch alone, so that a resumed run finds its place by counting.
import { permutation } from '../../random/values.js';
import { type Dataset } from '../task.js';

export interface OrderOptions {
  batchSize: number;
  seed: number;
  shuffle: boolean;
  groupByLength: boolean;
}

/** Batches within which examples are sorted by length: enough for like lengths, few enough to stay random (as transformers). */
const BATCHES_PER_GROUP = 50;

/** The batches of an epoch as example numbers; the last one may be shorter. */
export function epochBatches(dataset: Dataset<unknown>, epoch: number, options: OrderOptions): number[][] {
  const { batchSize, seed, shuffle, groupByLength } = options;
  const order = shuffle
    ? [...permutation(dataset.length, seed, epoch)]
    : Array.from({ length: dataset.length }, (_, i) => i);
  if (!groupByLength || dataset.sizeOf === undefined) return chunk(order, batchSize);
  const size = lengthOf(dataset);
  const batches = chunk(order, batchSize * BATCHES_PER_GROUP).flatMap((group) =>
    chunk(
      group.sort((a, b) => size(b) - size(a)),
      batchSize,
    ),
  );
  if (!shuffle) return batches;
  // The short batch stays last; the others trade places, so that an epoch does not run from long to short.
  const whole = batches.filter((batch) => batch.length === batchSize);
  const places = permutation(whole.length, seed, ~epoch);
  return [
    ...Array.from(places, (place) => whole[place] as number[]),
    ...batches.filter((batch) => batch.length < batchSize),
  ];
}

/** All examples once, longest first where lengths are known: evaluation needs no order, and like lengths waste no padding. */
export function evaluationBatches(dataset: Dataset<unknown>, batchSize: number): number[][] {
  const order = Array.from({ length: dataset.length }, (_, i) => i);
  if (dataset.sizeOf === undefined) return chunk(order, batchSize);
  const size = lengthOf(dataset);
  return chunk(
    order.sort((a, b) => size(b) - size(a) || a - b),
    batchSize,
  );
}

function lengthOf(dataset: Dataset<unknown>): (index: number) => number {
  return (index) => {
    const { text, regions } = dataset.sizeOf?.(index) ?? { text: 0, regions: 0 };
    return text + regions;
  };
}

function chunk<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
