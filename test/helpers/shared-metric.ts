// Checks that the data of a metric can be sent between workers as text.
import { expect } from '@jest/globals';
import { type RawTensor } from '../../src/raw-tensor.js';
import { type Task } from '../../src/evaluation/task.js';
import { fromText, toText } from '../../src/training/loop/json-numbers.js';

/** Judges examples on another worker, one by one, and expects the metrics of one process. */
export function expectSharedMetric<E>(task: Task<E>, examples: readonly E[], outputs: Record<string, RawTensor>): void {
  const [here, there] = [task.createMetric(), task.createMetric()];
  here.update(examples, outputs);
  there.add?.(fromText(toText(task.createMetric().judge?.(examples, outputs))) as readonly unknown[]);
  expect(there.compute()).toEqual(here.compute());
}
