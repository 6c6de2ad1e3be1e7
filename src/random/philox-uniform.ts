// The kernel `PhiloxUniform`: random numbers inside a computation, equal bit for bit on every backend. The engine registers it for TensorFlow.
import { tf } from '#tf';
import { ShapeError } from '../errors.js';
import { sizeOf } from '../shapes.js';
import { WORDS_PER_BLOCK } from './philox.js';
import { uniformValues } from './values.js';
import { requireKinds } from '../options.js';

export const PHILOX_UNIFORM = 'PhiloxUniform';

/** Attributes of the kernel; its one input is `key`. */
export interface PhiloxUniformAttrs extends tf.NamedAttrMap {
  shape: number[];
  /** uint32 that distinguishes this dropout site from others of the same step. */
  salt: number;
}

/**
 * Uniform random numbers: `shape float32` in [0, 1), a pure function of key, salt and position. Not differentiable.
 * @param key `[2] int32`: seed and step; or `[3]` with the number of a worker, which draws the numbers after those of lower workers, each of the
 * same shape. @param salt uint32, such as `hash32` of the site's path.
 * @throws ShapeError with a worker, for a number of elements that is not a multiple of 4
 * @example
 * const values = philoxUniform([2, 3], philoxKey(0, 1), 42); // [2, 3] float32, the same on every backend
 */
export function philoxUniform(shape: readonly number[], key: tf.Tensor1D, salt: number): tf.Tensor {
  requireKinds('philoxUniform', { 'a list': { shape }, 'a tensor': { key } });
  requireWholeBlocks(shape, key);
  const attrs: PhiloxUniformAttrs = { shape: [...shape], salt };
  return tf.engine().runKernel(PHILOX_UNIFORM, { key }, attrs);
}

/** With a worker in the key: a block of four values belongs to one worker. @throws ShapeError */
export function requireWholeBlocks(shape: readonly number[], key: tf.Tensor1D): void {
  if (key.shape[0] !== 3 || sizeOf(shape) % WORDS_PER_BLOCK === 0) return;
  throw new ShapeError(
    `dropout over several workers: expected a multiple of ${WORDS_PER_BLOCK} elements for each worker, received [${shape.join(', ')}]; ` +
      'use a batch size whose share for one worker is a multiple of 4',
  );
}

/** Number of blocks of the lower workers. */
export function blocksBefore(shape: readonly number[], worker: number): number {
  return (worker * sizeOf(shape)) / WORDS_PER_BLOCK;
}

/**
 * The key of a step: `[2] int32`. Seeds and steps count modulo 2^32; 0 is an ordinary seed.
 * @example
 * const key = philoxKey(7, 2); // [7, 2]
 */
export function philoxKey(seed: number, step: number): tf.Tensor1D {
  return tf.tensor1d(Int32Array.of(seed, step), 'int32');
}

for (const backendName of ['cpu', 'wasm', 'webgl', 'webgpu']) {
  tf.registerKernel({
    kernelName: PHILOX_UNIFORM,
    backendName,
    kernelFunc: ({ inputs, attrs, backend }) => {
      const { shape, salt } = attrs as PhiloxUniformAttrs;
      const store = backend as tf.KernelBackend;
      const [seed = 0, step = 0, worker = 0] = store.readSync((inputs['key'] as tf.TensorInfo).dataId) as Int32Array;
      const values = uniformValues(sizeOf(shape), seed, step, salt, blocksBefore(shape, worker));
      return { dataId: store.write(values, shape, 'float32'), shape, dtype: 'float32' };
    },
  });
}
