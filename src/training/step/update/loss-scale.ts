// Dynamic loss scaling: float16 gradients underflow unless the loss is large, and overflow when it is too large.
import { tf } from '#tf';

/** The initial scale and how it changes: the constants of torch.amp.GradScaler. */
export const INITIAL_LOSS_SCALE = 2 ** 16;
const GROWTH = 2;
const BACKOFF = 0.5;
/** Consecutive finite updates after which the scale is doubled. */
export const GROWTH_INTERVAL = 2000;

/** The scale, a power of two so that scaling is exact, and its consecutive finite updates: scalar float32 variables. */
export interface LossScale {
  scale: tf.Variable;
  goodSteps: tf.Variable;
}

/**
 * Halves the scale after a non-finite update, doubles it after `GROWTH_INTERVAL` finite ones. Returns the new scale.
 * @see https://github.com/pytorch/pytorch/blob/v2.13.0/torch/amp/grad_scaler.py
 */
export function adjustLossScale({ scale, goodSteps }: LossScale, isFinite: tf.Tensor): tf.Tensor {
  const good = tf.add(goodSteps, 1);
  const grows = tf.greaterEqual(good, GROWTH_INTERVAL);
  const kept = tf.where(grows, tf.mul(scale, GROWTH), scale);
  const next = tf.where(isFinite, kept, tf.mul(scale, BACKOFF));
  goodSteps.assign(tf.where(tf.logicalAnd(isFinite, tf.logicalNot(grows)), good, tf.zerosLike(good)));
  scale.assign(next);
  return next;
}
