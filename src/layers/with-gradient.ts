// Operations with hand-written gradients, which need less memory and fewer operations than those that tfjs derives.
import { tf } from '#tf';

/** The result of the forward pass, and the tensors that the backward pass needs. */
export interface ForwardResult {
  value: tf.Tensor;
  saved: tf.Tensor[];
}

/** The gradient of one input: a tensor, or a function that computes it on request, from `dy` and saved tensors only. */
export type Gradient = tf.Tensor | (() => tf.Tensor);

/** The engine below tf.customGrad, which would compute the gradients of all inputs whenever one is requested. */
interface DifferentiatingEngine {
  runKernelFunc(operation: {
    inputs: Record<string, tf.Tensor>;
    forwardFunc: (backend: unknown, save: (tensors: tf.Tensor[]) => void) => tf.Tensor;
    backwardsFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => Record<string, () => tf.Tensor>;
  }): tf.Tensor;
}

/**
 * The value of `forward`, with `backward(dy, saved)` as gradient: one for each of `inputs`, in their order.
 * Tensors that `forward` makes are disposed, except `value` and `saved`. Gradients of frozen parameters are not requested.
 */
export function withGradient(
  inputs: tf.Tensor[],
  forward: () => ForwardResult,
  backward: (dy: tf.Tensor, saved: tf.Tensor[]) => Gradient[],
): tf.Tensor {
  return (tf.engine() as unknown as DifferentiatingEngine).runKernelFunc({
    inputs: Object.fromEntries(inputs.entries()),
    forwardFunc: (_, save) => {
      const { value, saved } = forward();
      save(saved);
      return value;
    },
    backwardsFunc: (dy, saved) => {
      const gradients = tf.tidy(() => backward(dy, saved) as tf.TensorContainer) as Gradient[];
      return Object.fromEntries(
        gradients.map((gradient, i) => [i, typeof gradient === 'function' ? gradient : () => gradient]),
      );
    },
  });
}

/** Gradients within a backward pass. tfjs has one tape at a time: the outer one is suspended meanwhile. Null: `y` does not depend on the input. */
export function gradientsInside(y: () => tf.Tensor, xs: tf.Tensor[], dy: tf.Tensor): (tf.Tensor | null | undefined)[] {
  const engine = tf.engine();
  const { activeTape } = engine.state;
  try {
    return engine.gradients(y, xs, dy, true).grads;
  } finally {
    engine.state.activeTape = activeTape;
  }
}
