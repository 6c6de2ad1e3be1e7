// Rows of a table by index, with a gradient that adds up rows instead of going through a dense one-hot matrix.
import * as tf from '@tensorflow/tfjs';
import './segment-sum.js'; // the kernel of the gradient
import { withGradient } from './with-gradient.js';

/**
 * `table[ids]`: table `[rows, h] float32`, ids `[...] int32` to `[..., h] float32`.
 * The row `paddingRow` is read as any other but gets no gradient, as `padding_idx` of PyTorch's embedding.
 */
export function lookup(table: tf.Tensor, ids: tf.Tensor, paddingRow: number | null = null): tf.Tensor {
  const [rows = 0, width = 0] = table.shape;
  return withGradient(
    [table],
    () => ({ value: tf.gather(table, ids), saved: [ids] }),
    (dy, [saved]) => {
      const flat = tf.reshape(saved as tf.Tensor, [-1]) as tf.Tensor1D;
      // unsortedSegmentSum leaves out negative indices
      const segments = paddingRow === null ? flat : tf.where(tf.equal(flat, paddingRow), tf.onesLike(flat).neg(), flat);
      return [tf.unsortedSegmentSum(tf.reshape(dy, [-1, width]), segments as tf.Tensor1D, rows)];
    },
  );
}
