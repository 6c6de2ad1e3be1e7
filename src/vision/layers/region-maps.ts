// Feature maps of several images and scales as one table of pixels, so that regions of all of them are pooled at once.
import { tf } from '#tf';
import type { RegionInputs } from '../../fused.js';
import { type Bounds, boundsOf } from './bounds.js';

/** Pixels of maps, map after map, image after image. */
export interface PixelTable {
  /** `[pixels, c]` */
  pixels: tf.Tensor2D;
  maps: readonly {
    bounds: Bounds;
    /** Row of its first pixel of image 0. */
    first: number;
  }[];
}

/** Regions to pool: boxes, and the offsets of their maps in the table. */
export interface LocatedRegions {
  /** `[r, 4]` float32: x1, y1, x2, y2 in pixels of the picture. */
  boxes: tf.Tensor2D;
  /** `[r]` float32: size of the map divided by that of the picture. */
  scales: tf.Tensor1D;
  /** `[r]` float32: rows of the map that belong to the picture. */
  heights: tf.Tensor1D;
  /** `[r]` float32: columns of the map that belong to the picture. */
  widths: tf.Tensor1D;
  /** `[r]` int32: row of the map's first pixel in the table. */
  firsts: tf.Tensor1D;
  /** `[r]` int32: row stride of the map, in rows of the table. */
  pitches: tf.Tensor1D;
}

/** Concatenates maps `[b, h, w, c]` of equal channels. @param bounds of the pictures on each. Default: the whole maps. */
export function pixelTable(
  maps: readonly tf.Tensor4D[],
  bounds: readonly Bounds[] = maps.map(({ shape: [, h, w] }) => boundsOf([h, w])),
): PixelTable {
  const c = maps[0]?.shape[3] as number;
  let first = 0;
  const located = maps.map(({ shape: [b, h, w] }, i) => {
    const map = { bounds: bounds[i] as Bounds, first };
    first += b * h * w;
    return map;
  });
  const rows = maps.map((map) => tf.reshape(map, [-1, c])) as [tf.Tensor2D, ...tf.Tensor2D[]];
  return { pixels: rows.length === 1 ? rows[0] : tf.concat(rows, 0), maps: located };
}

/**
 * Locates each region's map in the table.
 * @param levels `[r]` int32: the map of each region. @param images `[r]` int32: its image in the batch.
 * @param scales of the maps, as many as the table has.
 */
export function locateRegions(
  boxes: tf.Tensor2D,
  { maps }: PixelTable,
  { levels, images, scales }: { levels: tf.Tensor1D; images: tf.Tensor1D; scales: readonly number[] },
): LocatedRegions {
  const pick = (values: number[], dtype: 'float32' | 'int32'): tf.Tensor1D =>
    tf.gather(tf.tensor1d(values, dtype), levels);
  const shapes = maps.map(({ bounds }) => bounds.shape);
  const sizes = tf.stack(maps.map(({ bounds }) => bounds.size)); // [maps, 2]
  const [heights, widths] = tf.unstack(tf.cast(tf.gather(sizes, levels), 'float32'), 1) as [tf.Tensor1D, tf.Tensor1D];
  return {
    boxes,
    scales: pick([...scales], 'float32'),
    heights,
    widths,
    firsts: tf.add(pick(maps.map(({ first }) => first), 'int32'), tf.mul(images, pick(shapes.map(([h, w]) => h * w), 'int32'))), // prettier-ignore
    pitches: pick(shapes.map(([, w]) => w), 'int32'), // prettier-ignore
  };
}

/** `count` regions from row `from`. */
export function slicedRegions(regions: LocatedRegions, from: number, count: number): LocatedRegions {
  return mapped(regions, (values) => tf.slice(values, from, count));
}

/** Some of the regions. */
export function someRegions(regions: LocatedRegions, rows: tf.Tensor1D): LocatedRegions {
  return mapped(regions, (values) => tf.gather(values, rows));
}

function mapped(regions: LocatedRegions, change: <T extends tf.Tensor>(values: T) => T): LocatedRegions {
  const { boxes, scales, heights, widths, firsts, pitches } = regions;
  return {
    boxes: change(boxes),
    scales: change(scales),
    heights: change(heights),
    widths: change(widths),
    firsts: change(firsts),
    pitches: change(pitches),
  };
}

/** Inputs of the kernels `RoiAlign` and `RoiPool` (src/fused.ts). */
export function kernelInputs(
  { pixels }: PixelTable,
  regions: LocatedRegions,
  bins: number,
): Record<RegionInputs, tf.Tensor> {
  const { boxes, scales, heights, widths, firsts, pitches } = regions;
  const columns = tf.stack([scales, heights, widths], 1) as tf.Tensor2D;
  return {
    pixels,
    geometry: tf.concat([boxes, columns], 1), // [r, 7]
    rows: tf.stack([firsts, pitches], 1), // [r, 2]
    cells: tf.range(0, bins, 1, 'int32'),
  };
}
