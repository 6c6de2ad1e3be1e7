// Predictions of a whole data set, collected batch by batch and written in the order of the data set.
import { ConfigError } from '../../errors.js';
import type { RawTensor } from '../../raw-tensor.js';
import type { PredictionWriter, TaskContext } from './opened-task.js';

/**
 * Collects one entry per example and writes them in order.
 * @param entriesOf one entry per example of a batch.
 */
export function collectPredictions<E, T>(
  entriesOf: (examples: readonly E[], outputs: Record<string, RawTensor>) => readonly T[],
  write: (path: string, entries: readonly T[]) => Promise<void>,
): PredictionWriter<E> {
  const entries: T[] = [];
  return {
    update: (examples, outputs) => void entries.push(...entriesOf(examples, outputs)),
    write: (path, indices = [...entries.keys()]) => {
      const sorted: T[] = [];
      indices.forEach((index, i) => (sorted[index] = entries[i] as T));
      return write(path, sorted);
    },
  };
}

/** One JSON value per line. */
export function jsonLines(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}

/** @throws ConfigError when predictions are requested for a task without them. */
export function requireNoPrediction(task: string, { purpose }: Pick<TaskContext, 'purpose'>): void {
  if (purpose === 'predict') throw noPredictions(task);
}

/** The error of a task without predictions. */
export function noPredictions(task: string): ConfigError {
  return new ConfigError(`task ${task}: this task has no predictions; train or evaluate it`);
}
