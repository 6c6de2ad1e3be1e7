// Truncates the two segments of a text to a common length.

/** Pieces that the first segment keeps as long as the second can be cut. */
const KEPT_OF_FIRST = 32;

/**
 * Cuts excess pieces at the front of both segments: half from each, but the first only down to 32 pieces, as in the authors' code.
 */
export function cutPair<T>(
  first: readonly T[],
  second: readonly T[],
  length: number,
): readonly [first: readonly T[], second: readonly T[]] {
  const excess = first.length + second.length - length;
  if (excess <= 0) return [first, second];
  const fromFirst = Math.min(Math.floor((excess + 1) / 2), Math.max(first.length - KEPT_OF_FIRST, 0));
  // Differs: the authors take `excess + fromFirst` from the second, more than is needed.
  const rest = second.slice(Math.min(second.length, excess - fromFirst));
  return [first.slice(Math.max(fromFirst, first.length + rest.length - length)), rest];
}
