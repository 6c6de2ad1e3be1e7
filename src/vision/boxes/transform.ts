// Applies predicted deltas to boxes, and clips boxes to the picture.
import { tf } from '#tf';
import { type BoxConvention, extentOf } from './convention.js';

/** Largest growth: from 16 to 1000 pixels. */
const MAX_LOG_GROWTH = Math.log(1000 / 16);

/** Divisors of the deltas of a proposal network, and of the head. */
export const PROPOSAL_WEIGHTS = [1, 1, 1, 1] as const;
export const HEAD_WEIGHTS = [10, 10, 5, 5] as const;

/**
 * Boxes `[r, 4]` moved by deltas `[r, k, 4]` (of the centre in widths and heights, then log growth): `[r, k, 4]`.
 * @see detectron2 `box_regression.py`; Detectron `boxes.py`, bbox_transform
 */
export function moveBoxes(
  boxes: tf.Tensor2D,
  deltas: tf.Tensor3D,
  weights: readonly [number, number, number, number],
  convention: BoxConvention,
): tf.Tensor3D {
  return tf.tidy(() => {
    const extent = extentOf(convention);
    const [x1, y1, x2, y2] = tf.split(tf.expandDims(boxes, 1), 4, 2) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const [dx, dy, dw, dh] = tf.split(tf.div(deltas, tf.tensor1d([...weights])), 4, 2) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const side = (low: tf.Tensor, high: tf.Tensor, move: tf.Tensor, growth: tf.Tensor): [tf.Tensor, tf.Tensor] => {
      const length = tf.add(tf.sub(high, low), extent);
      const middle = tf.add(tf.mul(move, length), tf.add(low, tf.mul(length, 0.5)));
      const half = tf.mul(tf.mul(tf.exp(tf.minimum(growth, MAX_LOG_GROWTH)), length), 0.5);
      return [tf.sub(middle, half), tf.sub(tf.add(middle, half), extent)];
    };
    const [left, right] = side(x1, x2, dx, dw);
    const [top, bottom] = side(y1, y2, dy, dh);
    return tf.concat([left, top, right, bottom], 2) as tf.Tensor3D;
  });
}

/**
 * Clips boxes `[..., 4]` to a picture.
 * @param size `[2]` float32: height and width.
 */
export function clipBoxes<T extends tf.Tensor>(boxes: T, size: tf.Tensor1D, convention: BoxConvention): T {
  return tf.tidy(() => {
    const [height, width] = tf.split(tf.sub(size, extentOf(convention)), 2) as [tf.Tensor, tf.Tensor];
    return tf.minimum(tf.maximum(boxes, 0), tf.concat([width, height, width, height])) as T;
  });
}

/**
 * The deltas that move boxes `[r, 4]` onto others `[r, 4]`, as `moveBoxes` applies them: `[r, 4]`.
 * @see pytorch/vision `torchvision/models/detection/_utils.py`, BoxCoder.encode
 */
export function deltasBetween(
  boxes: tf.Tensor2D,
  others: tf.Tensor2D,
  weights: readonly [number, number, number, number],
  convention: BoxConvention,
): tf.Tensor2D {
  return tf.tidy(() => {
    const extent = extentOf(convention);
    const measured = (corners: tf.Tensor2D): { middle: tf.Tensor2D; length: tf.Tensor2D } => {
      const [low, high] = tf.split(corners, 2, 1) as [tf.Tensor2D, tf.Tensor2D]; // x and y
      const length: tf.Tensor2D = tf.add(tf.sub(high, low), extent);
      return { middle: tf.add(low, tf.mul(length, 0.5)), length };
    };
    const [from, to] = [measured(boxes), measured(others)];
    const moves = tf.div(tf.sub(to.middle, from.middle), from.length);
    const growth = tf.log(tf.div(to.length, from.length));
    return tf.mul(tf.concat([moves, growth], 1), tf.tensor1d([...weights]));
  });
}
