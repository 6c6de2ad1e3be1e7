// The sum of the squares of any number of tensors on WebGPU: what the norm of all gradients is made of.
import type * as tf from '@tensorflow/tfjs';
import { type Inputs, type Kernel, run, THREADS, type WebGpuBackend, type WebGpuKernel } from './kernel.js';
import { REDUCTIONS } from './rows.js';
import { dispatches, forEachTensor, tensorUniforms } from './tensors-in-turn.js';

/** Tensors whose squares one dispatch adds up: WebGPU promises 8 buffers. */
const MOST_TENSORS = 7;
/** Elements of a thread, and workgroups of a tensor at most. */
const [ELEMENTS, MOST_GROUPS] = [64, 256];

/** Writes the sum of each workgroup of several tensors. */
function partialSums(count: number): Kernel {
  const parts = forEachTensor(
    count,
    (k, first) => `
    for (var i = (g - ${first}) * ${THREADS} + i32(localIndex); i < uniforms.size${k}; i += (uniforms.end${k} - ${first}) * ${THREADS}) {
      part += x${k}[i] * x${k}[i];
    }
  `,
  );
  return {
    name: `SumOfSquares${count}`,
    inputs: Array.from({ length: count }, (_, k) => `x${k}`),
    results: ['sums'],
    uniforms: { offset: 'i32', ...tensorUniforms(count) },
    code: `${REDUCTIONS}
fn main(index: i32) {
  let g = group();
  var part = 0.0;
  ${parts}
  let sum = total(part);
  if (localIndex == 0u && g < uniforms.end${count - 1}) { sums[uniforms.offset + g] = sum; }
}`,
  };
}
const PARTIAL_SUMS = Array.from({ length: MOST_TENSORS }, (_, i) => partialSums(i + 1));

const TOTAL: Kernel = {
  name: 'SumOfSums',
  inputs: ['sums'],
  results: ['y'],
  uniforms: { elements: 'i32' },
  code: `${REDUCTIONS}
fn main(index: i32) {
  var part = 0.0;
  for (var i = i32(localIndex); i < uniforms.elements; i += ${THREADS}) { part += sums[i]; }
  let sum = total(part);
  if (localIndex == 0u) { y[0] = sum; }
}`,
};

const groupsOf = (elements: number): number =>
  Math.min(MOST_GROUPS, Math.max(1, Math.ceil(elements / (THREADS * ELEMENTS))));

/** A scalar: of 7 tensors a dispatch, and one dispatch more. */
function sumOfSquares(backend: WebGpuBackend, tensors: readonly tf.TensorInfo[]): tf.TensorInfo[] {
  const parts = dispatches(tensors, MOST_TENSORS, ({ shape }) => shape, groupsOf);
  const elements = parts.reduce((sum, { workgroups }) => sum + workgroups, 0);
  const sums = backend.makeTensorInfo([elements], 'float32');
  let offset = 0;
  for (const { items: inputs, uniforms, workgroups } of parts) {
    const call = { inputs, results: [sums], uniforms: { offset, ...uniforms }, workgroups };
    run(backend, PARTIAL_SUMS[inputs.length - 1] as Kernel, call);
    offset += workgroups;
  }
  const total = run(backend, TOTAL, { inputs: [sums], results: [[]], uniforms: { elements }, workgroups: 1 });
  backend.disposeData(sums.dataId);
  return total;
}

export const SQUARE_KERNELS: Readonly<Record<string, WebGpuKernel>> = {
  SumOfSquares: (backend: WebGpuBackend, { x }: Inputs<'x'>) => sumOfSquares(backend, [x]),
  SumOfAllSquares: (backend: WebGpuBackend, tensors: Inputs<string>) => sumOfSquares(backend, Object.values(tensors)),
};
