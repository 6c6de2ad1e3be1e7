// Labels of records: the check that training and evaluation have them, and the batch with them.
import { ConfigError } from '../../errors.js';
import type { RawTensor, RawTensors } from '../../raw-tensor.js';
import type { Batch } from '../../inference/fill-batch.js';
import type { Purpose } from './opened-task.js';

export interface LabelNeed<R> {
  task: string;
  purpose: Purpose;
  /** The required field: `a label`, `answers`. */
  what: string;
  isLabelled(record: R): boolean;
  /** A record's name in errors: file and line, if known. */
  name(record: R): string;
}

/** Names of records in own data, which `visualbert data check` reads. */
const OF_FILE = /^(.*), (?:line|record) \d+$/;

/** @throws ConfigError naming the first record without the required field, and their number */
export function requireLabels<R>(records: readonly R[], { task, purpose, what, isLabelled, name }: LabelNeed<R>): void {
  if (purpose === 'predict') return;
  const [first, ...others] = records.filter((record) => !isLabelled(record));
  if (first === undefined) return;
  const count = `${others.length + 1} of ${records.length} ${others.length === 0 ? 'has' : 'have'} none`;
  const [, file] = OF_FILE.exec(name(first)) ?? [];
  const hint = file === undefined ? '' : `; \`visualbert data check ${file}\` lists them`;
  throw new ConfigError(
    `${name(first)}: expected ${what}, received none; to ${purpose}, task ${task} needs ${what} in each record, and ${count}${hint}`,
  );
}

/** A batch with the labels of its examples; `null` when they have none. */
export function labelledBatch(inputs: RawTensors, labels: RawTensor | null, count: number): Batch {
  return labels === null ? { inputs, labels: [], count } : { inputs: { ...inputs, labels }, labels: ['labels'], count };
}
