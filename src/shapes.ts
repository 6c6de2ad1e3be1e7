// Axis legend and the shape checks that layers share.
//
// b batch, t text tokens, v visual regions, s = t + v, h hidden, i intermediate, n heads, d head size, c classes,
// p phrase positions, k labelled positions, w vocabulary, a alignments per region.
import { ShapeError } from './errors.js';

/** The only tensor of a call: layers accept both `x` and `[x]`. @throws ShapeError for zero or several. */
export function only<T>(inputs: T | T[], who = 'layer'): T {
  if (!Array.isArray(inputs)) return inputs;
  const [first] = inputs;
  if (inputs.length !== 1 || first === undefined) {
    throw new ShapeError(`${who}: expected one input tensor, received ${inputs.length}; pass a single tensor`);
  }
  return first;
}

/** The size of one axis (negative counts from the end). @throws ShapeError when it is unknown. */
export function requireDim(shape: readonly (number | null)[], axis: number, who: string): number {
  const size = shape.at(axis);
  if (typeof size !== 'number') {
    throw new ShapeError(
      `${who}: expected a known size at axis ${axis}, received shape [${shape.join(', ')}]; give the input a fixed size there`,
    );
  }
  return size;
}

/** The rows of a matrix `[rows, columns]` as columns: `[columns, rows]`. */
export function transposed(data: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(data.length);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) result[c * rows + r] = data[r * columns + c] as number;
  return result;
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Whether two shapes are equal. */
export function isSameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}
