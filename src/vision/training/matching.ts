// Matches the boxes of a detector with objects, and samples the boxes of a training step.
import { tf } from '#tf';

/** Thresholds of matching. */
export interface MatchOptions {
  /** Least overlap at which a box is matched with the object that it overlaps most. */
  positive: number;
  /** Overlap below which a box is negative; boxes in between are ignored. */
  negative: number;
  /** Whether the boxes that overlap an object most are positive at any overlap. */
  keepsBest: boolean;
}

/** Matches of the boxes of `b` pictures. */
export interface Matches {
  /** `[b, n]` bool */
  isPositive: tf.Tensor2D;
  /** `[b, n]` bool */
  isNegative: tf.Tensor2D;
  /** `[b, n]` int32: the object that each overlaps most. */
  objects: tf.Tensor2D;
}

/**
 * Intersection over union of boxes `[b, n, 4]` and objects `[b, g, 4]`, lengths as x2 - x1: `[b, n, g]`.
 * Objects of 0 (padding) overlap with nothing.
 */
export function overlaps(boxes: tf.Tensor3D, objects: tf.Tensor3D): tf.Tensor3D {
  return tf.tidy(() => {
    const [left, top, right, bottom] = tf.split(boxes, 4, 2) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]; // [b, n, 1]
    const [x1, y1, x2, y2] = tf.split(tf.transpose(objects, [0, 2, 1]), 4, 1) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ]; // [b, 1, g]
    const width = tf.relu(tf.sub(tf.minimum(right, x2), tf.maximum(left, x1)));
    const height = tf.relu(tf.sub(tf.minimum(bottom, y2), tf.maximum(top, y1)));
    const common = tf.mul(width, height);
    const own = tf.mul(tf.sub(right, left), tf.sub(bottom, top));
    const union = tf.sub(tf.add(own, tf.mul(tf.sub(x2, x1), tf.sub(y2, y1))), common);
    return tf.where(tf.greater(common, 0), tf.div(common, union), tf.zerosLike(common)) as tf.Tensor3D;
  });
}

/**
 * Matches boxes with objects by their overlaps `[b, n, g]`.
 * @see https://arxiv.org/abs/1506.01497, 3.1.2; pytorch/vision `torchvision/models/detection/_utils.py`, Matcher
 */
export function matchBoxes(values: tf.Tensor3D, { positive, negative, keepsBest }: MatchOptions): Matches {
  return tf.tidy(() => {
    const most = tf.max(values, 2) as tf.Tensor2D;
    const isMatched = tf.greaterEqual(most, positive) as tf.Tensor2D;
    const best = tf.max(values, 1, true); // [b, 1, g]
    const isBest = keepsBest
      ? tf.any(tf.logicalAnd(tf.equal(values, best), tf.greater(values, 0)), 2)
      : tf.zerosLike(isMatched);
    const isPositive = tf.logicalOr(isMatched, isBest) as tf.Tensor2D;
    return {
      isPositive,
      isNegative: tf.logicalAnd(tf.less(most, negative), tf.logicalNot(isPositive)) as tf.Tensor2D,
      objects: tf.argMax(values, 2) as tf.Tensor2D,
    };
  });
}

/** Sampled boxes: `[b, count]` both. */
export interface Sample {
  /** int32: rows of a picture's boxes. */
  rows: tf.Tensor2D;
  /** bool: false in padded rows. */
  isUsed: tf.Tensor2D;
}

/** Number of boxes sampled per picture, and how many of them may be positive. */
export interface SampleSize {
  count: number;
  positives: number;
}

/**
 * Samples boxes of each picture: positives up to their number, negatives for the rest, or all when there are fewer.
 * @param chances `[b, n]` float32 in [0, 1): the boxes with the highest ones are drawn.
 */
export function sampleBoxes(
  { isPositive, isNegative }: Pick<Matches, 'isPositive' | 'isNegative'>,
  chances: tf.Tensor2D,
  { count, positives }: SampleSize,
): Sample {
  return tf.tidy(() => {
    const n = chances.shape[1];
    const none = tf.fill(chances.shape, -1);
    const rated = tf.where(isPositive, chances, none);
    const { values: best } = tf.topk(rated, Math.min(positives, n), true);
    const last = tf.slice(best, [0, (best.shape[1] as number) - 1], [-1, 1]); // [b, 1]
    const isDrawn = tf.logicalAnd(isPositive, tf.greaterEqual(chances, last));
    const order = tf.where(isDrawn, tf.add(chances, 1), tf.where(isNegative, chances, none));
    const { values, indices } = tf.topk(order, Math.min(count, n), true);
    return { rows: indices as tf.Tensor2D, isUsed: tf.greaterEqual(values, 0) as tf.Tensor2D };
  });
}

/** Rows `[b, count]` of `[b, n, ...]` as rows of `[b * n, ...]`: `[b * count]` int32. */
export function flatRows(rows: tf.Tensor2D, n: number): tf.Tensor1D {
  const [b] = rows.shape;
  return tf.tidy(() => tf.reshape(tf.add(rows, tf.reshape(tf.range(0, b * n, n, 'int32'), [b, 1])), [-1]));
}
