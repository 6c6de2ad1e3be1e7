// The kernel `PhiloxUniform`: random numbers inside a computation, equal bit for bit on every backend. The engine registers it for TensorFlow.
import * as tf from '@tensorflow/tfjs';
import { sizeOf } from '../shapes.js';
import { uniformValues } from './values.js';

export const PHILOX_UNIFORM = 'PhiloxUniform';

/** Attributes of the kernel; its one input is `key`. */
export interface PhiloxUniformAttrs extends tf.NamedAttrMap {
  shape: number[];
  /** uint32 that distinguishes this dropout site from others of the same step. */
  salt: number;
}

/**
 * Uniform random numbers: `shape float32` in [0, 1), a pure function of key, salt and position. Not differentiable.
 * @param key `[2] int32`: seed and step. @param salt uint32, such as `hash32` of the site's path.
 */
export function philoxUniform(shape: readonly number[], key: tf.Tensor1D, salt: number): tf.Tensor {
  const attrs: PhiloxUniformAttrs = { shape: [...shape], salt };
  return tf.engine().runKernel(PHILOX_UNIFORM, { key }, attrs);
}

/** The key of a step: `[2] int32`. Seeds and steps count modulo 2^32; 0 is a seed like any other. */
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
      const [seed = 0, step = 0] = store.readSync((inputs['key'] as tf.TensorInfo).dataId) as Int32Array;
      const values = uniformValues(sizeOf(shape), seed, step, salt);
      return { dataId: store.write(values, shape, 'float32'), shape, dtype: 'float32' };
    },
  });
}
