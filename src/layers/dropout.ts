// Dropout whose mask is a pure function of seed, step and dropout site: the same on every backend, eager or compiled.
import { tf } from '#tf';
import { fused } from '../fused.js';
import { philoxUniform, requireWholeBlocks } from '../random/philox-uniform.js';
import { withGradient } from './with-gradient.js';

/** How a forward pass runs. */
export interface CallContext {
  training: boolean;
  /** `[2] int32`, seed and step, or `[3]` with the number of a worker (`philoxUniform`); null without dropout. Do not dispose it before the gradients are computed. */
  dropoutKey: tf.Tensor1D | null;
  /** Receives the attention probabilities `[b, n, s, s]` of each layer in turn, and returns those that multiply the values. */
  attentionHook?: (probabilities: tf.Tensor) => tf.Tensor;
}

export interface DropoutSite {
  /** Probability that a value is dropped. */
  rate: number;
  /** uint32 that distinguishes this site from the others: `hash32` of its path. */
  salt: number;
}

/** The key of a site that drops some values and keeps others; null: all are kept or, at a rate of 1, none. */
export function droppingKey(
  shape: readonly number[],
  { rate }: DropoutSite,
  { training, dropoutKey }: CallContext,
): tf.Tensor1D | null {
  if (!training || dropoutKey === null || rate === 0 || rate === 1) return null;
  requireWholeBlocks(shape, dropoutKey);
  return dropoutKey;
}

/**
 * Sets values to zero with probability `rate` and scales the others by 1 / (1 - rate); outside training returns `x` itself.
 * The mask is drawn again for the gradient instead of being stored.
 */
export function dropout(x: tf.Tensor, site: DropoutSite, context: CallContext): tf.Tensor {
  const { rate, salt } = site;
  const dropoutKey = droppingKey(x.shape, site, context);
  if (dropoutKey === null) {
    return context.training && context.dropoutKey !== null && rate === 1 ? tf.zerosLike(x) : x;
  }
  const masked = (values: tf.Tensor, key: tf.Tensor1D): tf.Tensor => {
    const whole = fused('FusedDropout', { x: values, key }, { rate, salt })?.[0];
    if (whole !== undefined) return whole;
    const kept = tf.cast(tf.greaterEqual(philoxUniform(x.shape, key, salt), rate), 'float32');
    return tf.mul(values, tf.mul(kept, 1 / (1 - rate)));
  };
  return withGradient(
    [x],
    () => ({ value: masked(x, dropoutKey), saved: [dropoutKey] }),
    (dy, [key]) => [masked(dy, key as tf.Tensor1D)],
  );
}
