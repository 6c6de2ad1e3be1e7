// Gradient norms and clipping, as torch.nn.utils.clip_grad_norm_ does it.
import * as tf from '@tensorflow/tfjs';

/** Keeps the division finite when all gradients are zero (the constant of torch). */
const NORM_EPSILON = 1e-6;

/** The norm of all tensors taken as one long vector: scalar float32. */
export function globalNorm(tensors: readonly tf.Tensor[]): tf.Scalar {
  return tf.tidy(() => tf.sqrt(tf.addN(tensors.map((tensor) => tf.sum(tf.square(tensor))))) as tf.Scalar);
}

/** The factor that brings a norm down to `maxNorm`: `min(1, maxNorm / (norm + 1e-6))`. */
export function clipFactor(norm: tf.Scalar, maxNorm: number): tf.Scalar {
  return tf.tidy(() => tf.minimum(1, tf.div(maxNorm, tf.add(norm, NORM_EPSILON))) as tf.Scalar);
}
