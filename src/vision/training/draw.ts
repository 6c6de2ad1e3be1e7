// Samples the anchors or proposals of a training step, with their target objects.
import { tf } from '#tf';
import { philoxUniform } from '../../random/philox-uniform.js';
import {
  flatRows,
  matchBoxes,
  type MatchOptions,
  type Matches,
  overlaps,
  sampleBoxes,
  type SampleSize,
} from './matching.js';

/** Sampled boxes: `[r]` rows of all pictures. */
export interface Drawn {
  /** int32: rows of the boxes of all pictures. */
  rows: tf.Tensor1D;
  isUsed: tf.Tensor1D;
  isPositive: tf.Tensor1D;
  /** `[r, 4]` */
  boxes: tf.Tensor2D;
  /** `[r, 4]`: the target object of each; the box itself for negatives. */
  objects: tf.Tensor2D;
  /** The value of each row's object, from int32 `[b, g]`. */
  ofObject(values: tf.Tensor, otherwise: number): tf.Tensor1D;
}

/**
 * Samples boxes `[b, n, 4]` with their target objects `[b, g, 4]`.
 * Random by the key of an update, `[2]` int32, and the salt of a stage; a null key takes the first ones.
 */
export function sampleWithObjects(
  boxes: tf.Tensor3D,
  objects: tf.Tensor3D,
  match: MatchOptions,
  size: SampleSize,
  [key, salt]: readonly [key: tf.Tensor1D | null, salt: number],
): Drawn {
  const [b, n] = boxes.shape;
  const g = objects.shape[1];
  const matches = matchBoxes(overlaps(boxes, objects), match);
  const all: tf.Tensor2D = tf.reshape(boxes, [-1, 4]);
  const isBox = hasArea(boxes);
  const usable: Matches = { ...matches, isNegative: tf.logicalAnd(matches.isNegative, isBox) };
  const { rows, isUsed } = sampleBoxes(usable, uniform([b, n], key, salt), size);
  const flat = flatRows(rows, n);
  const flatUsed: tf.Tensor1D = tf.reshape(isUsed, [-1]);
  const isPositive = tf.logicalAnd(flatUsed, tf.gather(tf.reshape(matches.isPositive, [-1]), flat)) as tf.Tensor1D;
  const own = tf.gather(tf.reshape(matches.objects, [-1]), flat);
  const object = flatRows(tf.reshape(own, rows.shape) as tf.Tensor2D, g);
  const found = tf.gather(tf.reshape(objects, [-1, 4]), object) as tf.Tensor2D;
  const unit = tf.tensor2d([[0, 0, 1, 1]]);
  const drawn = tf.where(tf.expandDims(flatUsed, 1), tf.gather(all, flat), unit) as tf.Tensor2D; // finite deltas in all rows
  return {
    rows: flat,
    isUsed: flatUsed,
    isPositive,
    boxes: drawn,
    objects: tf.where(tf.expandDims(isPositive, 1), found, drawn),
    ofObject: (values, otherwise) =>
      tf.where(
        isPositive,
        tf.gather(tf.reshape(values, [-1]), object),
        tf.fill(isPositive.shape, otherwise, 'int32'),
      ) as tf.Tensor1D,
  };
}

/** Whether a row holds a proposal: empty rows are 0. `[b, n]` */
function hasArea(boxes: tf.Tensor3D): tf.Tensor2D {
  const [low, high] = tf.split(boxes, 2, 2) as [tf.Tensor3D, tf.Tensor3D];
  return tf.all(tf.greater(high, low), 2) as tf.Tensor2D;
}

/** Uniform random numbers `[b, n]`. */
function uniform(shape: [number, number], key: tf.Tensor1D | null, salt: number): tf.Tensor2D {
  if (key !== null) return philoxUniform(shape, key, salt) as tf.Tensor2D;
  const n = shape[1];
  return tf.tile(tf.reshape(tf.sub(1, tf.div(tf.range(1, n + 1), n + 1)), [1, n]), [shape[0], 1]) as tf.Tensor2D;
}
