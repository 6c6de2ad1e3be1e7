// Counts in words.

/**
 * `1 record`, `2 records`.
 * @param one what is counted, in the singular.
 * @param many the plural where it is no mere `s`.
 * @example
 * counted(1, 'problem'); // '1 problem'
 * counted(3, 'box', 'boxes'); // '3 boxes'
 */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
