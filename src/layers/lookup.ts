// Rows of a table by index, with a gradient that sums rows instead of multiplying by a dense one-hot matrix.
import { tf } from '#tf';
import './segment-sum.js'; // the kernel of the gradient
import { withGradient } from './with-gradient.js';

/**
 * `table[ids]`: table `[rows, h] float32`, ids `[...] int32` to `[..., h] float32`.
 * The row `paddingRow` is read like any other but gets no gradient, like `padding_idx` of PyTorch's embedding.
 */
export function lookup(table: tf.Tensor, ids: tf.Tensor, paddingRow: number | null = null): tf.Tensor {
  const [rows = 0, width = 0] = table.shape;
  return withGradient(
    [table],
    () => ({ value: tf.gather(table, ids), saved: [ids] }),
    (dy, [saved]) => {
      const flat = tf.reshape(saved as tf.Tensor, [-1]) as tf.Tensor1D;
      // unsortedSegmentSum ignores negative indices
      const segments = paddingRow === null ? flat : tf.where(tf.equal(flat, paddingRow), tf.onesLike(flat).neg(), flat);
      return [tf.unsortedSegmentSum(tf.reshape(dy, [-1, width]), segments as tf.Tensor1D, rows)];
    },
  );
}
