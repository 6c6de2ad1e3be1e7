// Gradient checkpointing: values inside a block are freed at once and computed again for the gradient.
import { tf } from '#tf';
import { after } from '../fused.js';
import { gradientsInside, withGradient } from './with-gradient.js';

/**
 * `block(tensors)`, keeping only `tensors` for the gradient, which computes the block again with the same dropout.
 * Costs one more forward pass through the block. Equal to the plain block bit for bit.
 * @param tensors everything that the block reads besides its parameters; null for absent ones.
 * @param parameters the layer's parameters that the block reads. Frozen ones get no gradient.
 * @see https://arxiv.org/abs/1604.06174
 */
export function recomputed(
  tensors: readonly (tf.Tensor | null)[],
  parameters: readonly tf.Variable[],
  block: (tensors: (tf.Tensor | null)[]) => tf.Tensor,
): tf.Tensor {
  const given = tensors.filter((tensor) => tensor !== null);
  const trained = parameters.filter(({ trainable }) => trainable);
  const isValue = (tensor: tf.Tensor): boolean => tensor.dtype === 'float32';
  return withGradient(
    [...given.filter(isValue), ...trained],
    () => ({ value: block([...tensors]), saved: given }),
    (dy, saved) => {
      const again = saved.map((tensor) => after(tensor, [dy]));
      const inputs = [...again.filter(isValue), ...trained];
      const remaining = again.values();
      const whole = tensors.map((tensor) => (tensor === null ? null : (remaining.next().value as tf.Tensor)));
      const gradients = gradientsInside(() => block(whole), inputs, dy);
      return inputs.map((input, i) => gradients[i] ?? ((): tf.Tensor => tf.zerosLike(input)));
    },
  );
}
