// The losses of the tasks, reduced as in PyTorch, with hand-written gradients.
import { tf } from '#tf';
import { fused } from '../fused.js';
import { withGradient } from '../layers/with-gradient.js';
import { requireKinds } from '../options.js';
import { IGNORED_LABEL } from '../scores.js';

/** `log(softmax(x))` over the last axis. */
function logSoftmax(x: tf.Tensor): tf.Tensor {
  const shifted = tf.sub(x, tf.max(x, -1, true));
  return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), -1, true)));
}

/**
 * Label smoothing: of each row of labels `[..., c]` the share `smoothing` is spread evenly over all classes.
 * @see https://arxiv.org/abs/1512.00567 section 7; PyTorch's `label_smoothing`
 */
export function smoothedLabels(labels: tf.Tensor, smoothing: number): tf.Tensor {
  if (smoothing === 0) return labels;
  return tf.add(tf.mul(labels, 1 - smoothing), tf.mul(tf.mean(labels, -1, true), smoothing));
}

/**
 * Mean of `-log softmax(logits)[label]` over the labels that are not -100; 0 when there is none.
 *
 * Differs: PyTorch returns NaN when there is no label.
 * @param logits `[m, c] float32`. @param labels `[m] int32`. @param smoothing share of a label that is spread over all classes.
 * @returns a scalar.
 * @example
 * crossEntropy(tf.tensor2d([[2, 0], [0, 2]]), tf.tensor1d([0, 1], 'int32')); // log(1 + exp(-2)) = 0.1269
 */
export function crossEntropy(logits: tf.Tensor, labels: tf.Tensor, smoothing = 0): tf.Scalar {
  requireKinds('crossEntropy', { 'a tensor': { logits, labels } });
  const [, c = 0] = logits.shape;
  const parts = (given: tf.Tensor): { target: tf.Tensor; count: tf.Tensor } => {
    const isCounted = tf.notEqual(given, IGNORED_LABEL);
    const isLabel = tf.equal(tf.expandDims(given, 1), tf.range(0, c, 1, 'int32')); // nowhere for -100
    const target = smoothedLabels(tf.cast(isLabel, 'float32'), smoothing);
    return { target, count: tf.maximum(tf.sum(tf.cast(isCounted, 'float32')), 1) };
  };
  return withGradient(
    [logits],
    () => {
      const [loss, ...kept] = fused('CrossEntropy', { logits, labels }, { smoothing }) ?? [];
      if (loss !== undefined) return { value: loss, saved: [logits, labels, ...kept] };
      const { target, count } = parts(labels);
      return { value: tf.neg(tf.div(tf.sum(tf.mul(target, logSoftmax(logits))), count)), saved: [logits, labels] };
    },
    (dy, saved) => {
      const [scores, given, moments, divisor] = saved as [tf.Tensor, tf.Tensor, tf.Tensor?, tf.Tensor?];
      if (moments !== undefined && divisor !== undefined) {
        const inputs = { dy, logits: scores, labels: given, moments, divisor };
        return fused('CrossEntropyGrad', inputs, { smoothing }) as tf.Tensor[];
      }
      const { target, count } = parts(given);
      const weight = tf.sum(target, -1, true); // [m, 1]
      const change = tf.sub(tf.mul(tf.softmax(scores), weight), target);
      return [tf.mul(change, tf.div(dy, count))];
    },
  ) as tf.Scalar;
}

/**
 * Kullback-Leibler divergence of soft labels from `softmax(logits)`: `sum(y (log y - log softmax(logits))) / count`, where 0 log 0 = 0.
 * Labels need not sum to 1. This is PyTorch's `KLDivLoss(reduction="batchmean")`.
 * @param logits `[b, ..., c] float32`. @param labels broadcast to the shape of `logits`.
 * @param count scalar float32: examples in the batch.
 * @returns a scalar.
 * @example
 * klDivergence(tf.zeros([1, 2]), tf.tensor2d([[1, 0]]), tf.scalar(1)); // log(2) = 0.6931
 */
export function klDivergence(logits: tf.Tensor, labels: tf.Tensor, count: tf.Scalar): tf.Scalar {
  requireKinds('klDivergence', { 'a tensor': { logits, labels, count } });
  return withGradient(
    [logits],
    () => {
      // rows of labels are those of the logits, or one for all
      const width = logits.shape.at(-1);
      const isWhole = labels.shape.at(-1) === width && [logits.size, width].includes(labels.size);
      const kernelInputs = { logits, labels, count };
      const [loss, moments] = (isWhole ? fused('KlDivergence', kernelInputs) : null) ?? [];
      if (loss !== undefined && moments !== undefined) return { value: loss, saved: [logits, labels, count, moments] };
      const logLabels = tf.log(tf.where(tf.equal(labels, 0), tf.onesLike(labels), labels));
      const divergence = tf.sum(tf.mul(labels, tf.sub(logLabels, logSoftmax(logits))));
      return { value: tf.div(divergence, count), saved: [logits, labels, count] };
    },
    (dy, saved) => {
      const [scores, soft, examples, moments] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor?];
      if (moments !== undefined) {
        const inputs = { dy, logits: scores, labels: soft, moments, divisor: examples };
        return fused('KlDivergenceGrad', inputs) as tf.Tensor[];
      }
      const change = tf.sub(tf.mul(tf.softmax(scores), tf.sum(soft, -1, true)), soft);
      return [tf.mul(change, tf.div(dy, examples))];
    },
  ) as tf.Scalar;
}
