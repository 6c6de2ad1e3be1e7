// RoIAlign: boxes of any size cut out of a feature map as grids of one size, without rounding their borders.
import * as tf from '@tensorflow/tfjs';

const { fround } = Math;

export interface RoiAlignOptions {
  /** Cells along each side of the result. */
  bins: number;
  /** Size of the feature map over that of what boxes refer to. */
  scale: number;
}

/**
 * `[h, w, c]` float32 and `r` boxes to `[r, bins, bins, c]`: each cell is the mean of bilinear samples, about one for each cell of the map
 * that it covers. The mean is a product over rows and columns, so that two matrix products do the work.
 * @param boxes x1, y1, x2, y2 of one after the other.
 * @see https://arxiv.org/abs/1703.06870; torchvision.ops.roi_align with sampling_ratio 0, aligned False
 */
export function roiAlign(features: tf.Tensor3D, boxes: Float32Array, { bins, scale }: RoiAlignOptions): tf.Tensor4D {
  const [h, w, c] = features.shape;
  const r = boxes.length / 4;
  const rowShares = new Float32Array(r * bins * h);
  const columnShares = new Float32Array(r * bins * w);
  for (let i = 0; i < r; i++) {
    const [x1, y1, x2, y2] = boxes.subarray(i * 4, i * 4 + 4) as unknown as [number, number, number, number];
    addShares(rowShares.subarray(i * bins * h, (i + 1) * bins * h), y1, y2, h, { bins, scale });
    addShares(columnShares.subarray(i * bins * w, (i + 1) * bins * w), x1, x2, w, { bins, scale });
  }
  return tf.tidy(() => {
    const rows = tf.matMul(tf.tensor2d(rowShares, [r * bins, h]), features.reshape([h, w * c])); // [r * bins, w * c]
    // Each row of cells has the same columns. Repeated here: the backends in JavaScript broadcast middle axes wrongly.
    const columns = tf.tile(tf.tensor4d(columnShares, [r, 1, bins, w]), [1, bins, 1, 1]);
    return tf.matMul(columns, rows.reshape([r, bins, w, c])); // [r, bins, bins, c]
  });
}

/** Along one axis: `shares[bin, place]` is what a place of the map counts in a bin. In float32 as the reference, where a rounding decides. */
function addShares(
  shares: Float32Array,
  low: number,
  high: number,
  size: number,
  { bins, scale }: RoiAlignOptions,
): void {
  const start = fround(low * scale);
  const length = Math.max(fround(fround(high * scale) - start), 1);
  const step = fround(length / bins);
  const samples = Math.ceil(step);
  for (let bin = 0; bin < bins; bin++) {
    for (let i = 0; i < samples; i++) {
      const at = fround(fround(start + fround(bin * step)) + fround(fround((i + 0.5) * step) / samples));
      if (at < -1 || at > size) continue; // outside: counts as 0
      const inside = Math.min(Math.max(at, 0), size - 1);
      const place = Math.trunc(inside);
      const rest = fround(inside - place);
      const row = bin * size + place;
      shares[row] = (shares[row] as number) + (1 - rest) / samples;
      if (rest > 0) shares[row + 1] = (shares[row + 1] as number) + rest / samples;
    }
  }
}
