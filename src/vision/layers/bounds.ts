// Bounds of pictures on padded maps: a few map shapes serve pictures of many sizes. Values outside the bounds are kept at 0, like the padding of
// a convolution, so that results do not depend on the amount of padding.
import { tf } from '#tf';

/** The part of maps `[b, h, w, c]` that belongs to their pictures. */
export type Bounds = {
  /** `[h, w]` of the maps. */
  shape: [number, number];
  /** `[2]` int32: rows and columns that belong to the pictures. */
  size: tf.Tensor1D;
  /** `[1, h, w, 1]` float32: 1 on the pictures, 0 outside; absent when the pictures fill the maps. */
  mask?: tf.Tensor4D;
};

/** @param size null when the pictures fill the maps. */
export function boundsOf(shape: [number, number], size: tf.Tensor1D | null = null): Bounds {
  if (size === null) return { shape, size: tf.tensor1d(shape, 'int32') };
  return { shape, size, mask: maskOf(shape, size) };
}

/** The bounds on a map of every second pixel. @param odd whether an odd last row and column count. */
export function halved({ shape: [h, w], size, mask }: Bounds, odd: 'kept' | 'dropped' = 'kept'): Bounds {
  const more = odd === 'kept' ? 1 : 0;
  const half = (length: number): number => Math.floor((length + more) / 2);
  const shape: [number, number] = [half(h), half(w)];
  if (mask === undefined) return boundsOf(shape);
  return boundsOf(shape, tf.floorDiv<tf.Tensor1D>(tf.add(size, tf.scalar(more, 'int32')), tf.scalar(2, 'int32')));
}

/** Sets the map to 0 outside the pictures. */
export function onPictures(map: tf.Tensor4D, { mask }: Bounds): tf.Tensor4D {
  return mask === undefined ? map : tf.mul(map, mask);
}

function maskOf([h, w]: [number, number], size: tf.Tensor1D): tf.Tensor4D {
  const [rows, columns] = tf.split(size, 2) as [tf.Tensor1D, tf.Tensor1D];
  const within = (length: number, end: tf.Tensor1D): tf.Tensor => tf.less(tf.range(0, length, 1, 'int32'), end);
  const both = tf.logicalAnd(tf.reshape(within(h, rows), [h, 1]), tf.reshape(within(w, columns), [1, w]));
  return tf.reshape(tf.cast(both, 'float32'), [1, h, w, 1]);
}
