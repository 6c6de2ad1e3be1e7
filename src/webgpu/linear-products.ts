// Matrix products of linear layers and their gradients on WebGPU: in float32 by tfjs's kernels, in float16 by ours.
// Differs: the native engine, like PyTorch's autocast, also rounds the results, and adds the bias in float16; here both are float32.
import { tf } from '#tf';
import { currentPrecision } from '../precision.js';
import { isSameShape, sizeOf } from '../shapes.js';
import type { Inputs, WebGpuBackend, WebGpuKernel } from './kernel.js';
import { multiply, type Strides } from './products.js';

interface Factors extends Inputs<'a' | 'b'> {
  /** Of each column. */
  bias?: tf.TensorInfo;
}

interface Transposes {
  transposeA: boolean;
  transposeB: boolean;
}

interface Matrices {
  outer: number[];
  /** How many there are. */
  count: number;
  rows: number;
  columns: number;
  strides: Strides;
}

/** The matrices of a tensor's last two axes, which may be read transposed; a single one for any number of examples. */
function matricesOf({ shape }: tf.TensorInfo, isTransposed: boolean): Matrices {
  const outer = shape.slice(0, -2);
  const count = sizeOf(outer);
  const [rows = 0, columns = 0] = shape.slice(-2);
  const each = count === 1 ? 0 : rows * columns;
  return isTransposed
    ? { outer, count, rows: columns, columns: rows, strides: [each, 0, 1, columns] }
    : { outer, count, rows, columns, strides: [each, 0, columns, 1] };
}

/** Whether the products exist: of as many matrices, or of one with each. */
function match(left: Matrices, right: Matrices): boolean {
  const isOne = left.count === 1 || right.count === 1;
  return left.columns === right.rows && (isOne || isSameShape(left.outer, right.outer));
}

function product(backend: WebGpuBackend, factors: Factors, transposes: Transposes): tf.TensorInfo[] {
  const { a, b, bias } = factors;
  const left = matricesOf(a, transposes.transposeA);
  const right = matricesOf(b, transposes.transposeB);
  const isOurs = currentPrecision() === 'fp16' && [a, b].every(({ dtype }) => dtype === 'float32');
  if (!isOurs || !match(left, right)) return [productOfTfjs(backend, factors, transposes)]; // which throws where sizes do not match
  const outer = tf.broadcast_util.assertAndGetBroadcastShape(left.outer, right.outer);
  const { rows, columns: inner } = left;
  const { columns } = right;
  return multiply(backend, {
    ...{ a, b, shape: [...outer, rows, columns], sizes: [sizeOf(outer), 1, rows, columns, inner] },
    ...(bias === undefined ? {} : { bias }),
    strides: { a: left.strides, b: right.strides, c: [rows * columns, 0, columns, 1] },
  });
}

/** With a bias it is one dispatch where matMul and add are two. */
function productOfTfjs(backend: WebGpuBackend, inputs: Factors, attrs: Transposes): tf.TensorInfo {
  const kernel = tf.getKernel('_FusedMatMul', 'webgpu');
  return kernel?.kernelFunc({ inputs: { ...inputs }, attrs: { ...attrs }, backend }) as tf.TensorInfo;
}

export const LINEAR_KERNELS: Readonly<Record<string, WebGpuKernel>> = {
  FusedLinear: (backend: WebGpuBackend, { x, weight, bias }: Inputs<'x' | 'weight' | 'bias'>) =>
    product(backend, { a: x, b: weight, bias }, { transposeA: false, transposeB: true }),
  BatchMatMul: (backend: WebGpuBackend, factors: Inputs<'a' | 'b'>, attributes) =>
    product(backend, factors, attributes as unknown as Transposes),
};
