// Lists in portions.

/**
 * Neighbours of a list, so many together; the last portion may be smaller.
 * @param size a whole number of at least 1
 */
export function chunk<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
