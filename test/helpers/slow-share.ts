// How much of a slow test to run: all of it by `npm run test:slow`, a seeded tenth by `.ci/run`.
import { permutation } from '../../src/random/values.js';

/** `full` cases times the share `VISUALBERT_SLOW_SHARE` (1 when absent), at least one. */
export function slowCount(full: number): number {
  const share = Number(process.env.VISUALBERT_SLOW_SHARE ?? 1);
  if (!(share > 0 && share <= 1))
    throw new Error(
      `VISUALBERT_SLOW_SHARE: expected a number in (0, 1], received '${process.env.VISUALBERT_SLOW_SHARE}'`,
    );
  return Math.max(1, Math.round(full * share));
}

/** That share of the items, at least one: the same ones in each run. */
export function someOf<T>(items: readonly T[]): T[] {
  const order = permutation(items.length, 0, 0);
  return Array.from(order.subarray(0, slowCount(items.length)), (index) => items[index] as T);
}
