// Pools regions from the feature maps.
import { tf } from '#tf';
import { after } from '../../fused.js';
import { type BoxConvention, extentOf } from '../boxes/convention.js';
import { pixelTable, locateRegions, slicedRegions } from '../layers/region-maps.js';
import { roiAlign } from '../layers/roi-align.js';
import { createRoiPool } from '../layers/roi-pool.js';
import { type FeatureMaps, mapStrides } from './backbone.js';
import type { DetectorConfig } from './config.js';

/** Side of a square region that is pooled from the third of the four maps. */
const CANONICAL_SIZE = 224;
/** Added before the logarithm, as in the originals of each convention. */
const EPSILON: Record<BoxConvention, number> = { inclusive: 1e-6, continuous: 1e-8 };

/** Pools regions from maps. */
export interface RegionCutter {
  /** Regions `[count, bins, bins, c]` from row `from` of the boxes; a recorded graph waits for all `signals`. */
  cut(from: number, count: number, signals?: readonly tf.Tensor[]): tf.Tensor4D;
}

/**
 * Pools boxes `[r, 4]` from the maps.
 * @param images `[r]` int32: the picture of each box. @param maps of the backbone; the coarsest of a pyramid is only used for proposals.
 */
export function createRegionCutter(
  { maps, bounds }: FeatureMaps,
  boxes: tf.Tensor2D,
  images: tf.Tensor1D,
  config: DetectorConfig,
): RegionCutter {
  const { pooling, pyramid } = config;
  const count = pyramid > 0 ? 4 : 1;
  const table = pixelTable(maps.slice(0, count), bounds.slice(0, count));
  const levels = pyramid > 0 ? levelsOf(boxes, config.boxes) : tf.zeros<tf.Rank.R1>([boxes.shape[0]], 'int32');
  const scales = mapStrides(config).map((stride) => 1 / stride);
  const regions = locateRegions(boxes, table, { levels, images, scales: scales.slice(0, count) });
  const pool =
    pooling.kind === 'roi-align'
      ? (some: typeof regions): tf.Tensor4D => roiAlign(table, some, pooling)
      : createRoiPool(table, pooling.bins);
  return {
    cut: (from, rows, signals = []) =>
      tf.tidy(() => {
        const ready = { ...regions, boxes: after(boxes, signals) as tf.Tensor2D };
        return pool(slicedRegions(ready, from, rows));
      }),
  };
}

/** The map that a region is pooled from, 0 to 3: one coarser for each doubling of its size. `[r]` int32 */
function levelsOf(boxes: tf.Tensor2D, convention: BoxConvention): tf.Tensor1D {
  const extent = extentOf(convention);
  const [x1, y1, x2, y2] = tf.split(boxes, 4, 1) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
  const area = tf.mul(tf.add(tf.sub(x2, x1), extent), tf.add(tf.sub(y2, y1), extent));
  const size = tf.add(tf.div(tf.sqrt(area), CANONICAL_SIZE), EPSILON[convention]);
  const steps = [0.5, 1, 2].map((from) => tf.cast(tf.greaterEqual(size, from), 'int32'));
  return tf.squeeze(tf.addN(steps), [1]);
}
