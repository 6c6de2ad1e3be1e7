// Matrix products of attention heads on WebGPU that read the heads in their original layout, without transposed copies of queries, keys and values.
import type { Attributes, Inputs, WebGpuBackend, WebGpuKernel } from './kernel.js';
import { multiply, type Strides } from './products.js';

/** Strides of the heads in `[b r, n d]`, as matrices `[r, d]`. */
const inTokens = (r: number, n: number, d: number): Strides => [r * n * d, d, n * d, 1];
const transposed = ([example, head, row, column]: Strides): Strides => [example, head, column, row];

export const HEAD_KERNELS: Readonly<Record<string, WebGpuKernel>> = {
  HeadScores: (backend: WebGpuBackend, { x, y }: Inputs<'x' | 'y'>, attributes: Attributes) => {
    const [b, n] = [Number(attributes['b']), Number(attributes['n'])];
    const [q, s, d] = [(x.shape[0] ?? 0) / b, (y.shape[0] ?? 0) / b, (x.shape[1] ?? 0) / n];
    return multiply(backend, {
      ...{ a: x, b: y, shape: [b, n, q, s], sizes: [b, n, q, s, d] },
      strides: { a: inTokens(q, n, d), b: transposed(inTokens(s, n, d)), c: [n * q * s, q * s, s, 1] },
    });
  },
  HeadMixture: (backend: WebGpuBackend, { maps, x }: Inputs<'maps' | 'x'>, { isTransposed }: Attributes) => {
    const [b = 0, n = 0, q = 0, s = 0] = maps.shape;
    const width = x.shape[1] ?? 0;
    const d = width / n;
    const plain: Strides = [n * q * s, q * s, s, 1];
    const [rows, inner, a] = isTransposed === true ? [s, q, transposed(plain)] : [q, s, plain];
    return multiply(backend, {
      ...{ a: maps, b: x, shape: [b * rows, width], sizes: [b, n, rows, d, inner] },
      strides: { a, b: inTokens(inner, n, d), c: inTokens(rows, n, d) },
    });
  },
};
