// The affine map of PyTorch: weight [out, in], nothing transposed in memory.
import * as tf from '@tensorflow/tfjs';
import { fused } from '../fused.js';
import { withGradient } from './with-gradient.js';

export interface LinearWeights {
  /** `[out, in]` float32. */
  weight: tf.Tensor;
  /** `[out]` float32. */
  bias: tf.Tensor;
}

/** `y = x W^T + b`: `[m, in] float32` to `[m, out] float32`. Keeps only `x` and `W` for the gradient. */
export function linear(x: tf.Tensor, { weight, bias }: LinearWeights): tf.Tensor {
  return withGradient(
    [x, weight, bias],
    () => ({ value: tf.add(tf.matMul(x, weight, false, true), bias), saved: [x, weight] }),
    (dy, [input, matrix]) => [
      tf.matMul(dy, matrix as tf.Tensor),
      tf.matMul(dy, input as tf.Tensor, true, false),
      fused('ColumnSums', { x: dy })?.[0] ?? tf.sum(dy, 0),
    ],
  );
}
