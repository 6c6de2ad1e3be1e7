// How the two segments of a text share a length.

/** Pieces that the first segment keeps while the second has any left. */
const KEPT_OF_FIRST = 32;

/**
 * Both segments without the pieces at their front that do not fit into `length`: half of these each, the first down to 32 pieces before the
 * second, as the authors cut.
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
