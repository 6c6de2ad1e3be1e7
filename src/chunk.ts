// Splits lists.

/**
 * Splits a list into consecutive chunks of `size` elements; the last may be shorter.
 * @param size a whole number of at least 1
 */
export function chunk<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
