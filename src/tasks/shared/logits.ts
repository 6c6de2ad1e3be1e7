// Rows of logits, and their largest values.
import { DataError } from '../../errors.js';
import type { RawTensor } from '../../raw-tensor.js';

/**
 * The logits of each of `rows` examples.
 * @param width expected number of classes; absent: any.
 * @throws DataError when there are no logits, or another number of classes.
 */
export function logitRows(
  task: string,
  { logits, ...others }: Record<string, RawTensor>,
  rows: number,
  width?: number,
): RawTensor['data'][] {
  const expected = width === undefined ? '' : ` [${rows}, ${width}]`;
  if (logits === undefined)
    throw new DataError(
      `task ${task}: expected the output logits${expected}, received ${Object.keys(others).join(', ') || 'none'}`,
    );
  const c = logits.data.length / rows;
  if (width !== undefined && c !== width)
    throw new DataError(
      `task ${task}: expected logits${expected}, received [${logits.shape.join(', ')}]; use a model with the classes of the data`,
    );
  return Array.from({ length: rows }, (_, i) => logits.data.subarray(i * c, (i + 1) * c) as RawTensor['data']);
}

/** The index of the largest value, the first of equal ones. */
export function indexOfMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}

/** Indices by descending value, equal ones in order. */
export function ranking(values: ArrayLike<number>): number[] {
  return Array.from(values, (_, i) => i).sort((a, b) => (values[b] as number) - (values[a] as number) || a - b);
}
