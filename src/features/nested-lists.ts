// Joins lists of numbers, lists or arrays into one array, for Python programs that store features as lists.
import type { PickleValue } from '../formats/pickle/pickle-values.js';
import { DataError } from '../errors.js';
import type { NumericArray } from '../formats/npy.js';
import { PickledArray } from '../formats/pickle/numpy-pickle.js';
import { isSameShape } from '../shapes.js';

/** Three axes of a grid and a batch axis; also stops at a list that contains itself. */
const MAX_DEPTH = 4;
/** No image has more values; a few bytes of a pickle can name the same list a million times. */
const MAX_VALUES = 1 << 26;

/**
 * A value as one array: numbers and arrays as `leaf` reads them, lists of them (also arrays of Python objects) stacked along a new first
 * axis. Null where `leaf` gives null.
 * @throws DataError for lists of several lengths, nested too deep or too long.
 */
export async function stackedNumbers(
  value: PickleValue | undefined,
  leaf: (value: PickleValue | undefined) => NumericArray | null | Promise<NumericArray | null>,
  where: string,
): Promise<NumericArray | null> {
  let left = MAX_VALUES;
  const stack = async (inner: PickleValue | undefined, depth: number): Promise<NumericArray | null> => {
    const list = inner instanceof PickledArray && Array.isArray(inner.values) ? inner.values : inner;
    if (!Array.isArray(list)) return leaf(list);
    left -= list.length;
    if (depth === MAX_DEPTH || left < 0)
      throw new DataError(`${where}: expected an array, found lists nested too deep`);
    if (list.every((item) => typeof item === 'number')) return { shape: [list.length], data: Float32Array.from(list) };
    const parts: NumericArray[] = [];
    for (const item of list) {
      const part = await stack(item, depth + 1);
      if (part === null) return null;
      left -= part.data.length;
      parts.push(part);
    }
    return joined(parts, where);
  };
  return stack(value, 0);
}

function joined(parts: readonly NumericArray[], where: string): NumericArray {
  const shape = parts[0]?.shape ?? [];
  if (parts.some((part) => !isSameShape(part.shape, shape)))
    throw new DataError(`${where}: expected lists of one length, found several`);
  const width = parts[0]?.data.length ?? 0;
  const data = new Float32Array(parts.length * width);
  parts.forEach((part, i) => data.set(part.data, i * width));
  return { shape: [parts.length, ...shape], data };
}
