// Random numbers and dropout on WebGPU: bit for bit those of src/random.
import { blocksBefore, PHILOX_UNIFORM } from '../random/philox-uniform.js';
import { sizeOf } from '../shapes.js';
import {
  type Attributes,
  type Inputs,
  type Kernel,
  run,
  THREADS,
  type WebGpuBackend,
  type WebGpuKernel,
} from './kernel.js';

/**
 * `uniformBlock(block)`: the four values of a block, in [0, 1). Needs the input `key`, and the uniforms of `philoxUniforms`.
 * WGSL has no product of 64 bits: its upper half comes out of products of 16 bits.
 */
export const PHILOX = `
fn multiplyHigh(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let carry = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (carry >> 16u);
}
fn uniformBlock(block: i32) -> vec4<f32> {
  let worker = u32(key[uniforms.keySize - 1]) * u32(uniforms.keySize == 3);
  let before = worker * uniforms.workerBlocks; // below 2^64, of which this is the lower half
  var counter = vec4<u32>(u32(block) + before, multiplyHigh(worker, uniforms.workerBlocks), uniforms.salt, 0u);
  if (counter.x < before) { counter.y++; }
  var keys = vec2<u32>(u32(key[0]), u32(key[1]));
  for (var round = 0; round < 10; round++) {
    let high = vec2<u32>(multiplyHigh(0xd2511f53u, counter.x), multiplyHigh(0xcd9e8d57u, counter.z));
    let low = vec2<u32>(0xd2511f53u * counter.x, 0xcd9e8d57u * counter.z);
    counter = vec4<u32>(high.y ^ counter.y ^ keys.x, low.y, high.x ^ counter.w ^ keys.y, low.x);
    keys += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return bitcast<vec4<f32>>((counter & vec4<u32>(0x7fffffu)) | vec4<u32>(0x3f800000u)) - 1.0;
}
`;

export const PHILOX_UNIFORMS = { keySize: 'i32', workerBlocks: 'u32', salt: 'u32' } as const;

/** Uniforms of random numbers of this shape. */
export function philoxUniforms(
  shape: readonly number[],
  key: { shape: readonly number[] },
  salt: number,
): Record<keyof typeof PHILOX_UNIFORMS, number> {
  return { keySize: key.shape[0] ?? 0, workerBlocks: Math.floor(blocksBefore(shape, 1)), salt: salt >>> 0 };
}

/** Dropout inside a kernel: `dropped(x, noise)` with a word of `uniformBlock`. */
export const DROPOUT = `${PHILOX}
fn dropped(x: f32, noise: f32) -> f32 {
  return select(0.0, x * uniforms.scale, noise >= uniforms.rate);
}
`;

export const DROPOUT_UNIFORMS = { ...PHILOX_UNIFORMS, rate: 'f32', scale: 'f32' } as const;

/** Uniforms of dropout of this shape. */
export function dropoutUniforms(
  shape: readonly number[],
  key: { shape: readonly number[] },
  { rate, salt }: Attributes,
): Record<keyof typeof DROPOUT_UNIFORMS, number> {
  return { ...philoxUniforms(shape, key, Number(salt)), rate: Number(rate), scale: 1 / (1 - Number(rate)) };
}

/** A thread writes the four elements of a block. */
function blockwise(value: string): string {
  return `
fn main(index: i32) {
  let noise = uniformBlock(index);
  for (var word = 0; word < 4; word++) {
    let i = index * 4 + word;
    if (i < uniforms.elements) { y[i] = ${value}; }
  }
}`;
}

const UNIFORM_KERNEL: Kernel = {
  name: PHILOX_UNIFORM,
  inputs: ['key'],
  results: ['y'],
  uniforms: { ...PHILOX_UNIFORMS, elements: 'i32' },
  code: PHILOX + blockwise('noise[word]'),
};

const DROPOUT_KERNEL: Kernel = {
  name: 'FusedDropout',
  inputs: ['x', 'key'],
  results: ['y'],
  uniforms: { ...DROPOUT_UNIFORMS, elements: 'i32' },
  code: DROPOUT + blockwise('dropped(x[i], noise[word])'),
};

const workgroupsOf = (elements: number): number => Math.ceil(elements / 4 / THREADS);

export const RANDOM_KERNELS: Readonly<Record<string, WebGpuKernel>> = {
  [PHILOX_UNIFORM]: (backend: WebGpuBackend, { key }: Inputs<'key'>, attributes: Attributes) => {
    const { shape, salt } = attributes as unknown as { shape: number[]; salt: number };
    const elements = sizeOf(shape);
    const uniforms = { ...philoxUniforms(shape, key, salt), elements };
    return run(backend, UNIFORM_KERNEL, {
      inputs: [key],
      results: [shape],
      uniforms,
      workgroups: workgroupsOf(elements),
    });
  },
  FusedDropout: (backend: WebGpuBackend, { x, key }: Inputs<'x' | 'key'>, attributes: Attributes) => {
    const elements = sizeOf(x.shape);
    const uniforms = { ...dropoutUniforms(x.shape, key, attributes), elements };
    return run(backend, DROPOUT_KERNEL, {
      inputs: [x, key],
      results: [x.shape],
      uniforms,
      workgroups: workgroupsOf(elements),
    });
  },
};
