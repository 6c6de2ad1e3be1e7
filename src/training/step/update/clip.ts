// Gradient norms and clipping, like torch.nn.utils.clip_grad_norm_.
import { tf } from '#tf';
import { fused } from '../../../fused.js';
import { sumOf } from './sum.js';

/** Keeps the division finite when all gradients are zero (torch's constant). */
const NORM_EPSILON = 1e-6;

/** The norm of tensors taken as one long vector, from the sums of their squares: scalar float32. */
export function normOf(squares: readonly tf.Tensor[]): tf.Scalar {
  return tf.tidy(() => tf.sqrt(sumOf(squares)) as tf.Scalar);
}

/** The norm of all tensors as one vector, a scalar float32. */
export function totalNorm(tensors: readonly tf.Tensor[]): tf.Scalar {
  return tf.tidy(() => {
    const all = fused('SumOfAllSquares', Object.fromEntries(tensors.entries()))?.[0];
    return all === undefined ? normOf(tensors.map(sumOfSquares)) : (tf.sqrt(all) as tf.Scalar);
  });
}

/** The sum of squares, a scalar float32. */
export function sumOfSquares(x: tf.Tensor): tf.Tensor {
  return fused('SumOfSquares', { x })?.[0] ?? tf.sum(tf.square(x));
}

/** The factor that scales a norm down to `maxNorm`: `min(1, maxNorm / (norm + 1e-6))`. */
export function clipFactor(norm: tf.Scalar, maxNorm: number): tf.Scalar {
  return tf.tidy(() => tf.minimum(1, tf.div(maxNorm, tf.add(norm, NORM_EPSILON))) as tf.Scalar);
}
