// The losses of a region detector, as in torchvision: means over the sampled boxes.
import { tf } from '#tf';

/** Difference at which smooth L1 changes from quadratic to linear. @see pytorch/vision `rpn.py`, `roi_heads.py` */
const SMOOTH = 1 / 9;

/** Boxes of all pictures of a batch with their targets. */
export interface BoxTargets {
  /** `[r]` bool: whether the row counts. */
  isUsed: tf.Tensor1D;
  /** `[r]` bool: whether it has an object. */
  isPositive: tf.Tensor1D;
  /** `[r, 4]` float32: deltas from the box to the object; finite in all rows. */
  deltas: tf.Tensor2D;
}

/** Targets of the head: class of each row (background last) and attribute (-1 for unknown). `[r]` int32 both. */
export interface HeadTargets extends BoxTargets {
  classes: tf.Tensor1D;
  attributes: tf.Tensor1D;
}

/** Loss of logits `[r]` for whether a box has an object: mean binary cross-entropy. */
export function objectnessLoss(logits: tf.Tensor1D, { isUsed, isPositive }: BoxTargets): tf.Scalar {
  return tf.tidy(() => {
    const wanted = tf.cast(isPositive, 'float32');
    const each: tf.Tensor1D = tf.sub(tf.softplus(logits), tf.mul(logits, wanted)); // -log sigmoid(x) or -log(1 - sigmoid(x))
    return meanOver(each, isUsed);
  });
}

/** Loss of deltas `[r, 4]`: smooth L1 summed over the positive rows, divided by the number of all rows that count. */
export function boxLoss(deltas: tf.Tensor2D, { isUsed, isPositive, deltas: wanted }: BoxTargets): tf.Scalar {
  return tf.tidy(() => {
    const distance = tf.abs(tf.sub(deltas, wanted));
    const near = tf.minimum(distance, SMOOTH);
    // Quadratic up to SMOOTH, linear with the same slope above it.
    const each = tf.add(tf.mul(tf.square(near), 0.5 / SMOOTH), tf.sub(distance, near));
    const counted = tf.cast(tf.logicalAnd(isUsed, isPositive), 'float32');
    return tf.div(tf.sum(tf.mul(tf.sum(each, 1), counted)), countOf(isUsed)) as tf.Scalar;
  });
}

/** Mean cross-entropy of logits `[r, c]` over the rows that count. @param classes `[r]` int32, from 0 to c - 1 in those rows */
export function classLoss(logits: tf.Tensor2D, classes: tf.Tensor1D, isUsed: tf.Tensor1D): tf.Scalar {
  return tf.tidy(() => {
    const columns = logits.shape[1];
    const wanted = tf.oneHot(tf.maximum(classes, tf.scalar(0, 'int32')), columns).toFloat();
    const each = tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), wanted), 1)) as tf.Tensor1D;
    return meanOver(each, isUsed);
  });
}

/** The deltas `[r, 4]` of each row's class, from `[r, classes, 4]`; for rows without an object, those of the last class. */
export function deltasOfClass(deltas: tf.Tensor3D, classes: tf.Tensor1D): tf.Tensor2D {
  return tf.tidy(() => {
    const [r, c] = deltas.shape;
    const own = tf.minimum(classes, tf.scalar(c - 1, 'int32'));
    return tf.gather(tf.reshape(deltas, [r * c, 4]), tf.add(tf.range(0, r * c, c, 'int32'), own)) as tf.Tensor2D;
  });
}

function meanOver(values: tf.Tensor1D, isCounted: tf.Tensor1D): tf.Scalar {
  return tf.div(tf.sum(tf.mul(values, tf.cast(isCounted, 'float32'))), countOf(isCounted)) as tf.Scalar;
}

/** At least 1, so that a mean over nothing is 0. */
function countOf(isCounted: tf.Tensor1D): tf.Scalar {
  return tf.maximum(tf.sum(tf.cast(isCounted, 'float32')), 1) as tf.Scalar;
}
