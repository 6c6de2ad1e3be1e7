// Regions cut out of the feature maps.
import * as tf from '@tensorflow/tfjs';
import { type BoxConvention, extentOf } from '../boxes/convention.js';
import { pixelTable, regionPlaces } from '../layers/region-maps.js';
import { roiAlign } from '../layers/roi-align.js';
import { roiPool } from '../layers/roi-pool.js';
import { mapStrides } from './backbone.js';
import type { DetectorConfig } from './config.js';

/** A region of this width and height is read from the third of the four maps. */
const CANONICAL_SIZE = 224;
/** Added before the logarithm: what each convention's programs add. */
const EPSILON: Record<BoxConvention, number> = { inclusive: 1e-6, continuous: 1e-8 };

/**
 * Regions `[r, bins, bins, c]` of boxes `[r, 4]`.
 * @param images `[r]` int32: the picture of each box. @param maps of the backbone; the coarsest of a pyramid only proposes.
 */
export function poolRegions(
  maps: readonly tf.Tensor4D[],
  boxes: tf.Tensor2D,
  images: tf.Tensor1D,
  config: DetectorConfig,
): tf.Tensor4D {
  return tf.tidy(() => {
    const { pooling, pyramid } = config;
    const scales = mapStrides(config).map((stride) => 1 / stride);
    if (pooling.kind === 'roi-pool') {
      const places = { boxes, scales: tf.fill([boxes.shape[0]], scales[0] as number) as tf.Tensor1D };
      return roiPool(maps[0] as tf.Tensor4D, places, images, pooling.bins);
    }
    const used = pyramid > 0 ? maps.slice(0, 4) : maps;
    const table = pixelTable(used);
    const levels = pyramid > 0 ? levelsOf(boxes, config.boxes) : (tf.zeros([boxes.shape[0]], 'int32') as tf.Tensor1D);
    const places = regionPlaces(boxes, table, { levels, images, scales: scales.slice(0, used.length) });
    return roiAlign(table, places, pooling);
  });
}

/** The map that a region is read from, 0 to 3: one coarser for each doubling of its size. `[r]` int32 */
function levelsOf(boxes: tf.Tensor2D, convention: BoxConvention): tf.Tensor1D {
  const extent = extentOf(convention);
  const [x1, y1, x2, y2] = tf.split(boxes, 4, 1) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
  const area = tf.mul(tf.add(tf.sub(x2, x1), extent), tf.add(tf.sub(y2, y1), extent));
  const size = tf.add(tf.div(tf.sqrt(area), CANONICAL_SIZE), EPSILON[convention]);
  const steps = [0.5, 1, 2].map((from) => tf.cast(tf.greaterEqual(size, from), 'int32'));
  return tf.squeeze(tf.addN(steps), [1]);
}
