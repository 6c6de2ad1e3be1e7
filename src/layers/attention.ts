// Multi-head attention as pure functions of tensors.
import { tf } from '#tf';
import { fused, hasKernel } from '../fused.js';
import { dropout, droppingKey, type CallContext, type DropoutSite } from './dropout.js';
import { attentionScores, weightedValues } from './head-products.js';
import { withGradient } from './with-gradient.js';

/** The most negative float32: added once to the scores of masked positions, so that a wholly masked row attends uniformly. */
export const MASKED_SCORE = -3.4028234663852886e38;

/**
 * What to add to attention scores: 0 where `mask` is not 0, `MASKED_SCORE` elsewhere.
 * @param mask `[b, s]`, bool, int32 or float32. @returns `[b, 1, 1, s] float32`.
 */
export function attentionBias(mask: tf.Tensor): tf.Tensor {
  const [b = 0, s = 0] = mask.shape;
  const isMasked = tf.cast(mask.dtype === 'bool' ? tf.logicalNot(mask) : tf.equal(mask, 0), 'float32');
  return tf.reshape(tf.mul(isMasked, MASKED_SCORE), [b, 1, 1, s]);
}

/** `softmax(scale * scores + bias)` over the last axis; keeps only its result. */
function scaledSoftmax(scores: tf.Tensor, scale: number, bias: tf.Tensor | null): tf.Tensor {
  return withGradient(
    [scores],
    () => {
      const whole = fused('FusedSoftmax', bias === null ? { scores } : { scores, bias }, { scale })?.[0];
      if (whole !== undefined) return { value: whole, saved: [whole] };
      const scaled = tf.mul(scores, scale);
      const value = tf.softmax(bias === null ? scaled : tf.add(scaled, bias));
      return { value, saved: [value] };
    },
    (dy, [saved]) => {
      const probabilities = saved as tf.Tensor;
      const dScores = fused('FusedSoftmaxGrad', { dy, y: probabilities }, { scale });
      if (dScores !== null) return dScores;
      // subtracting the mean reduces rounding errors of gradients that are equal for all positions
      const weighted = tf.mul(tf.sub(dy, tf.mean(dy, -1, true)), probabilities);
      const change = tf.sub(weighted, tf.mul(probabilities, tf.sum(weighted, -1, true)));
      return [tf.mul(change, scale)];
    },
  );
}

/** `dropout(softmax(scale * scores + bias))`; keeps the softmax alone. */
function droppedSoftmax(
  scores: tf.Tensor,
  scale: number,
  bias: tf.Tensor | null,
  { site, context }: { site: DropoutSite; context: CallContext },
): tf.Tensor {
  const dropoutKey = droppingKey(scores.shape, site, context);
  if (dropoutKey === null || !hasKernel('FusedSoftmaxDropout')) {
    return dropout(scaledSoftmax(scores, scale, bias), site, context);
  }
  const attributes = { scale, rate: site.rate, salt: site.salt };
  return withGradient(
    [scores],
    () => {
      const inputs = { scores, ...(bias === null ? {} : { bias }), key: dropoutKey };
      const [softmax, value] = fused('FusedSoftmaxDropout', inputs, attributes) as [tf.Tensor, tf.Tensor];
      return { value, saved: [softmax, dropoutKey] };
    },
    (dy, saved) => {
      const [y, key] = saved as [tf.Tensor, tf.Tensor];
      return fused('FusedSoftmaxDropoutGrad', { dy, y, key }, attributes) as tf.Tensor[];
    },
  );
}

export interface RaggedAttentionArgs {
  /** Heads n. */
  n: number;
  /** `[b + 1] int32`: example i has the rows `rowSplits[i]` to `rowSplits[i + 1]` of keys and values. */
  rowSplits: tf.Tensor;
  /** Queries of each example; 0: its rows. */
  asked: number;
}

/**
 * `softmax(Q K^T / sqrt(d)) V` for each head of examples without padding, one after another: queries `[q, n d]`, keys and values `[b s, n d]` to
 * `[q, n d]` float32. For prediction: it has no gradient. Needs a backend with the kernel `RaggedAttention`.
 */
export function attendRagged(
  queries: tf.Tensor,
  keys: tf.Tensor,
  values: tf.Tensor,
  { n, rowSplits, asked }: RaggedAttentionArgs,
): tf.Tensor {
  const scale = 1 / Math.sqrt((queries.shape[1] ?? 0) / n);
  return fused('RaggedAttention', { queries, keys, values, rowSplits }, { heads: n, asked, scale })?.[0] as tf.Tensor;
}

/** `x`, whose rows after the last of `rowSplits` the products that follow need not compute. */
export function limitRows(x: tf.Tensor, rowSplits: tf.Tensor): tf.Tensor {
  return fused('LimitRows', { x, rowSplits })?.[0] ?? x;
}

export interface AttentionArgs {
  /** Batch size b. */
  b: number;
  /** Heads n. */
  n: number;
  /** `[b, 1, 1, s]` from `attentionBias`, or null when nothing is masked. */
  bias: tf.Tensor | null;
  /** Multiplies the probabilities, broadcast to `[b, n, q, s]`; null leaves the heads unchanged. */
  headMask: tf.Tensor | null;
  dropout: DropoutSite;
  context: CallContext;
}

/**
 * `dropout(softmax(Q K^T / sqrt(d) + bias)) V` for each head.
 *
 * Queries `[b q, n d]`, keys and values `[b s, n d]` float32. Returns the joined heads `[b q, n d]` and the probabilities that
 * multiplied the values, `[b, n, q, s]`: after dropout and head mask, as transformers reports them.
 * @see https://arxiv.org/abs/1706.03762 equation 1
 */
export function attend(
  queries: tf.Tensor,
  keys: tf.Tensor,
  values: tf.Tensor,
  { b, n, bias, headMask, dropout: site, context }: AttentionArgs,
): { joined: tf.Tensor; probabilities: tf.Tensor } {
  const headSize = (queries.shape[1] ?? 0) / n;
  const scores = attentionScores(queries, keys, b, n); // [b, n, q, s]
  const dropped = droppedSoftmax(scores, 1 / Math.sqrt(headSize), bias, { site, context });
  const masked = headMask === null ? dropped : tf.mul(dropped, headMask);
  const probabilities = context.attentionHook?.(masked) ?? masked;
  return { joined: weightedValues(probabilities, values), probabilities };
}
