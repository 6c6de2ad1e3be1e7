// What workers must have in common, compared with what worker 0 has.
import { differingNames } from '../options.js';

/** The first difference of a worker from worker 0, in words: `the version is 2, not 1`. Null where there is none. */
export function differenceOf(
  first: Readonly<Record<string, unknown>>,
  other: Readonly<Record<string, unknown>>,
): string | null {
  const [name] = differingNames(first, other);
  if (name === undefined) return null;
  const [theirs, ours] = [other[name], first[name]].map((value) => String(value ?? 'not set').slice(0, 80));
  return `${name} is ${theirs}, not ${ours}`;
}
