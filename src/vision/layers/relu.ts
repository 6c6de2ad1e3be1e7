// ReLU whose gradient needs only its result.
import { tf } from '#tf';
import { withGradient } from '../../layers/with-gradient.js';

/**
 * `max(x, 0)`. tfjs keeps `x` for the gradient; TensorFlow can then not fuse the operation with the convolution or matrix product before
 * it, and reports that as an error.
 */
export function relu<T extends tf.Tensor>(x: T): T {
  return withGradient(
    [x],
    () => {
      const value = tf.relu(x);
      return { value, saved: [value] };
    },
    (dy, [value]) => [() => tf.mul(dy, tf.step(value as tf.Tensor))],
  ) as T;
}
