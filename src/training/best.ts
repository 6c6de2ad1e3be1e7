// Compares two evaluations.
import { type Task } from '../evaluation/task.js';

/**
 * Whether metrics are better than the best so far: by the primary metric, then by a lower validation loss, which differs even
 * where the accuracy of few examples is equal. A value that is not finite is never better.
 */
export function isBetter(
  metrics: Readonly<Record<string, unknown>>,
  best: Readonly<Record<string, unknown>> | null,
  { primaryMetric, greaterIsBetter }: Pick<Task<unknown>, 'primaryMetric' | 'greaterIsBetter'>,
): boolean {
  const value = Number(metrics[primaryMetric]);
  if (!Number.isFinite(value)) return false;
  if (best === null) return true;
  const before = Number(best[primaryMetric]);
  if (value !== before) return greaterIsBetter ? value > before : value < before;
  return Number(metrics['loss']) < Number(best['loss']); // false without a loss: NaN
}
