// Metrics over what is kept of each example: plain data, so that several workers can share an evaluation.
import type { RawTensor } from '../../raw-tensor.js';
import type { Metric } from '../../evaluation/task.js';

/** A metric in its parts. */
export interface JudgingMetric<E, J> {
  /** What is kept of examples: data that JSON carries unchanged. */
  judge: (examples: readonly E[], outputs: Record<string, RawTensor>) => readonly J[];
  add: (judged: readonly J[]) => void;
  compute: () => Record<string, number>;
}

/** A metric that adds up what it judges, here or on another worker. */
export function judgingMetric<E, J>({ judge, add, compute }: JudgingMetric<E, J>): Metric<E> {
  return {
    judge,
    add: (judged) => add(judged as readonly J[]),
    update: (examples, outputs) => add(judge(examples, outputs)),
    compute,
  };
}

/** One that keeps all that it judges, and returns no metrics without examples. */
export function keepingMetric<E, J>(
  judge: JudgingMetric<E, J>['judge'],
  metrics: (kept: readonly J[]) => Record<string, number>,
): Metric<E> {
  const kept: J[] = [];
  return judgingMetric({
    judge,
    add: (judged) => {
      for (const one of judged) kept.push(one);
    },
    compute: () => (kept.length === 0 ? {} : metrics(kept)),
  });
}
