// Reads a batch of examples.
import { type Batch } from '../inference/fill-batch.js';
import { type CollateOptions, type Dataset, type Task } from './task.js';

/** Reads and collates the examples of one batch. */
export async function readBatch<E>(
  task: Task<E>,
  dataset: Dataset<E>,
  indices: readonly number[],
  options: CollateOptions,
): Promise<{ examples: E[]; batch: Batch }> {
  const examples = await Promise.all(indices.map((index) => dataset.example(index)));
  return { examples, batch: await task.collate(examples, options) };
}

/** Indices of at most `most` examples, evenly spaced over all. */
export function evenSample(length: number, most: number): number[] {
  const count = Math.min(most, length);
  return Array.from({ length: count }, (_, i) => Math.floor((i * length) / count));
}
