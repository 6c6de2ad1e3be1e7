// The two products of attention, of all heads at once. The heads of a token are adjacent in its row.
import { tf } from '#tf';
import { fused, hasKernel } from '../fused.js';
import { withGradient } from './with-gradient.js';

/** `[b s, n d]` to `[b, n, s, d]`. */
function splitHeads(x: tf.Tensor, b: number, n: number): tf.Tensor {
  const [rows = 0, width = 0] = x.shape;
  return withGradient(
    [x],
    () => ({ value: tf.transpose(tf.reshape(x, [b, rows / b, n, width / n]), [0, 2, 1, 3]), saved: [] }),
    (dy) => [tf.reshape(tf.transpose(dy, [0, 2, 1, 3]), [rows, width])],
  );
}

/** `[b, n, s, d]` to `[b s, n d]`. */
function mergeHeads(x: tf.Tensor): tf.Tensor {
  const [b = 0, n = 0, s = 0, d = 0] = x.shape;
  return withGradient(
    [x],
    () => ({ value: tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [b * s, n * d]), saved: [] }),
    (dy) => [tf.transpose(tf.reshape(dy, [b, s, n, d]), [0, 2, 1, 3])],
  );
}

/** `Q K^T` of each head: queries `[b q, n d]` and keys `[b s, n d]` to `[b, n, q, s]`. */
export function attentionScores(queries: tf.Tensor, keys: tf.Tensor, b: number, n: number): tf.Tensor {
  if (!hasKernel('HeadScores')) return tf.matMul(splitHeads(queries, b, n), splitHeads(keys, b, n), false, true);
  return withGradient(
    [queries, keys],
    () => ({ value: scoresOf(queries, keys, b, n), saved: [queries, keys] }),
    (dy, saved) => {
      const [x, y] = saved as [tf.Tensor, tf.Tensor];
      return [() => mixtureOf(dy, y), () => mixtureOf(dy, x, true)];
    },
  );
}

/** `P V` of each head: probabilities `[b, n, q, s]` and values `[b s, n d]` to `[b q, n d]`. */
export function weightedValues(probabilities: tf.Tensor, values: tf.Tensor): tf.Tensor {
  const [b = 0, n = 0] = probabilities.shape;
  if (!hasKernel('HeadMixture')) return mergeHeads(tf.matMul(probabilities, splitHeads(values, b, n)));
  return withGradient(
    [probabilities, values],
    () => ({ value: mixtureOf(probabilities, values), saved: [probabilities, values] }),
    (dy, saved) => {
      const [maps, x] = saved as [tf.Tensor, tf.Tensor];
      return [() => scoresOf(dy, x, b, n), () => mixtureOf(maps, dy, true)];
    },
  );
}

function scoresOf(x: tf.Tensor, y: tf.Tensor, b: number, n: number): tf.Tensor {
  return fused('HeadScores', { x, y }, { b, n })?.[0] as tf.Tensor;
}

/** `maps x` of each head, or `maps^T x`. */
function mixtureOf(maps: tf.Tensor, x: tf.Tensor, isTransposed = false): tf.Tensor {
  return fused('HeadMixture', { maps, x }, { isTransposed })?.[0] as tf.Tensor;
}
