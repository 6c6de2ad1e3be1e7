// The affine map of PyTorch: weight [out, in], nothing transposed in memory.
import { tf } from '#tf';
import { after, fused } from '../fused.js';
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
    [bias, weight, x],
    () => {
      const value = fused('FusedLinear', { x, weight, bias })?.[0] ?? tf.add(tf.matMul(x, weight, false, true), bias);
      return { value, saved: [x, weight] };
    },
    (dy, [input, matrix]) => {
      const done: tf.Tensor[] = [];
      const first = (gradient: tf.Tensor): tf.Tensor => {
        done.push(gradient);
        return gradient;
      };
      return [
        () => first(fused('ColumnSums', { x: dy })?.[0] ?? tf.sum(dy, 0)),
        () => first(tf.matMul(dy, input as tf.Tensor, true, false)),
        // a recorded graph would run the parameters' gradients last and keep `x` and `dy` in memory: so backpropagation waits for them
        () => tf.matMul(after(dy, done), matrix as tf.Tensor),
      ];
    },
  );
}
