// The losses of the tasks, as PyTorch reduces them, with gradients written out.
import * as tf from '@tensorflow/tfjs';
import { withGradient } from '../layers/with-gradient.js';

/** Labels with this value take no part in a cross-entropy. */
export const IGNORED_LABEL = -100;

/** `log(softmax(x))` over the last axis. */
function logSoftmax(x: tf.Tensor): tf.Tensor {
  const shifted = tf.sub(x, tf.max(x, -1, true));
  return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), -1, true)));
}

/**
 * Mean of `-log softmax(logits)[label]` over the labels that are not -100; 0 when there is none.
 *
 * Differs: PyTorch gives NaN for no label at all.
 * @param logits `[m, c] float32`. @param labels `[m] int32`. @returns a scalar.
 */
export function crossEntropy(logits: tf.Tensor, labels: tf.Tensor): tf.Scalar {
  const [, c = 0] = logits.shape;
  const parts = (given: tf.Tensor): { oneHot: tf.Tensor; count: tf.Tensor } => {
    const isCounted = tf.notEqual(given, IGNORED_LABEL);
    const isLabel = tf.equal(tf.expandDims(given, 1), tf.range(0, c, 1, 'int32')); // nowhere for -100
    const oneHot = tf.cast(isLabel, 'float32');
    return { oneHot, count: tf.maximum(tf.sum(tf.cast(isCounted, 'float32')), 1) };
  };
  return withGradient(
    [logits],
    () => {
      const { oneHot, count } = parts(labels);
      return { value: tf.neg(tf.div(tf.sum(tf.mul(oneHot, logSoftmax(logits))), count)), saved: [logits, labels] };
    },
    (dy, [scores, given]) => {
      const { oneHot, count } = parts(given as tf.Tensor);
      const weight = tf.sum(oneHot, -1, true); // [m, 1]
      const change = tf.sub(tf.mul(tf.softmax(scores as tf.Tensor), weight), oneHot);
      return [tf.mul(change, tf.div(dy, count))];
    },
  ) as tf.Scalar;
}

/**
 * Kullback-Leibler divergence of soft labels from `softmax(logits)`: `sum(y (log y - log softmax(logits))) / count`, where 0 log 0 = 0.
 * Labels need not add up to 1. This is PyTorch's `KLDivLoss(reduction="batchmean")`.
 * @param logits `[b, ..., c] float32`. @param labels broadcast to the shape of `logits`.
 * @param count scalar float32: examples in the batch. @returns a scalar.
 */
export function klDivergence(logits: tf.Tensor, labels: tf.Tensor, count: tf.Scalar): tf.Scalar {
  return withGradient(
    [logits],
    () => {
      const logLabels = tf.log(tf.where(tf.equal(labels, 0), tf.onesLike(labels), labels));
      const divergence = tf.sum(tf.mul(labels, tf.sub(logLabels, logSoftmax(logits))));
      return { value: tf.div(divergence, count), saved: [logits, labels, count] };
    },
    (dy, saved) => {
      const [scores, soft, examples] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
      const change = tf.sub(tf.mul(tf.softmax(scores), tf.sum(soft, -1, true)), soft);
      return [tf.mul(change, tf.div(dy, examples))];
    },
  ) as tf.Scalar;
}
