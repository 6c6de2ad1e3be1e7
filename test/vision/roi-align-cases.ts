// RoIAlign of the fixture's maps for any boxes, also such that end outside of a map.
import * as tf from '@tensorflow/tfjs';
import type { RawTensor } from '../../src/raw-tensor.js';
import { locateRegions, pixelTable } from '../../src/vision/layers/region-maps.js';
import { roiAlign } from '../../src/vision/layers/roi-align.js';

/** Samples per axis of a cell, 0 for as many as pixels; whether pixels are at their centres; name of the expected cells. */
export const ROI_ALIGN_CASES = [
  [0, false, 'align/0/0'],
  [0, true, 'align/0/1'],
  [2, false, 'align/2/0'],
  [2, true, 'align/2/1'],
] as const;

/** The boxes of the fixture's regions `[r, 4]`, and the numbers of their images `[r]`. */
export function regionsOf(tensors: ReadonlyMap<string, RawTensor>): { boxes: tf.Tensor2D; images: tf.Tensor1D } {
  const [images, boxes] = tf.split(tensorOf(tensors, 'regions'), [1, 4], 1) as [tf.Tensor2D, tf.Tensor2D];
  return { boxes, images: tf.cast(tf.squeeze<tf.Tensor1D>(images, [1]), 'int32') };
}

/** The cells `[r, 3, 3, c]` of the fixture's regions. */
export function alignedCells(
  tensors: ReadonlyMap<string, RawTensor>,
  [sampling, isAligned]: (typeof ROI_ALIGN_CASES)[number],
): tf.Tensor {
  return tf.tidy(() => {
    const { boxes, images } = regionsOf(tensors);
    const table = pixelTable([tensorOf(tensors, 'maps') as tf.Tensor4D]);
    const levels = tf.zeros<tf.Rank.R1>(images.shape, 'int32');
    const located = locateRegions(boxes, table, { levels, images, scales: [1 / 16] });
    return roiAlign(table, located, { bins: 3, sampling, isAligned });
  });
}

function tensorOf(tensors: ReadonlyMap<string, RawTensor>, name: string): tf.Tensor {
  const { data, shape, dtype } = tensors.get(name) as RawTensor;
  return tf.tensor(data, shape, dtype);
}
