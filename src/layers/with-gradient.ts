// Operations whose gradient is written by hand: they keep less memory than what tfjs derives, and take fewer operations.
import * as tf from '@tensorflow/tfjs';

/** What the forward pass computes, and the tensors that the backward pass needs of it. */
export interface ForwardResult {
  value: tf.Tensor;
  saved: tf.Tensor[];
}

/**
 * The value of `forward`, with `backward(dy, saved)` as gradient: one tensor for each of `inputs`, in their order.
 * Tensors that `forward` makes live on only as `value` or in `saved`.
 */
export function withGradient(
  inputs: tf.Tensor[],
  forward: () => ForwardResult,
  backward: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor[],
): tf.Tensor {
  const operation = tf.customGrad((...args) => {
    const save = args.at(-1) as (tensors: tf.Tensor[]) => void;
    const { value, saved } = forward();
    save(saved);
    return { value, gradFunc: (dy: tf.Tensor, kept: tf.Tensor[]) => tf.tidy(() => backward(dy, kept)) };
  });
  return operation(...inputs);
}
