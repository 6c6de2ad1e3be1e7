// Labels where they are needed: to train and to evaluate, every record has them.
import { ConfigError } from '../../errors.js';
import type { Purpose } from './opened-task.js';

export interface LabelNeed<R> {
  task: string;
  purpose: Purpose;
  /** What a record needs: `a label`, `answers`. */
  what: string;
  isLabelled(record: R): boolean;
  /** What errors call a record: its file and line where they are known. */
  name(record: R): string;
}

/** Own data, which `visualbert data check` reads. */
const OF_FILE = /^(.*), (?:line|record) \d+$/;

/** @throws ConfigError naming the first record without what the purpose needs, and how many there are */
export function requireLabels<R>(records: readonly R[], { task, purpose, what, isLabelled, name }: LabelNeed<R>): void {
  if (purpose === 'predict') return;
  const [first, ...others] = records.filter((record) => !isLabelled(record));
  if (first === undefined) return;
  const count = `${others.length + 1} of ${records.length} ${others.length === 0 ? 'has' : 'have'} none`;
  const [, file] = OF_FILE.exec(name(first)) ?? [];
  const hint = file === undefined ? '' : `; \`visualbert data check ${file}\` says more`;
  throw new ConfigError(
    `${name(first)}: expected ${what}, received none; to ${purpose}, task ${task} needs ${what} in each record, and ${count}${hint}`,
  );
}
