// RoIPool: max-pools boxes of any size from a feature map into grids of one size, with rounded borders.
import { tf } from '#tf';
import { fused, hasKernel } from '../../fused.js';
import { kernelInputs, type LocatedRegions, type PixelTable, slicedRegions } from './region-maps.js';

/** Values gathered at a time: bounds memory to a few times 64 MB. */
const MAX_GATHERED = 1 << 24;

/**
 * Pools regions of the one map of a table to `[r, bins, bins, c]`. A cell without pixels is 0.
 * Values that depend only on the map are computed once for all regions.
 * @see https://arxiv.org/abs/1504.08083; torchvision.ops.roi_pool
 */
export function createRoiPool(table: PixelTable, bins: number): (regions: LocatedRegions) => tf.Tensor4D {
  if (!hasKernel('RoiPool')) return composedRoiPool(table, bins);
  return (regions) => tf.tidy(() => fused('RoiPool', kernelInputs(table, regions, bins))?.[0] as tf.Tensor4D);
}

/** The maximum of a rectangle is that of four overlapping rectangles whose sides are powers of two, which all regions share. */
function composedRoiPool({ pixels, maps }: PixelTable, bins: number): (regions: LocatedRegions) => tf.Tensor4D {
  const [h, w] = (maps[0] as PixelTable['maps'][0]).bounds.shape;
  const [count, c] = pixels.shape; // b * h * w
  const [rowLevels, columnLevels] = [h, w].map((size) => levelsFor(Math.ceil((size + 1) / bins) + 1)) as [
    number,
    number,
  ];
  const maxima = tf.tidy(() => windowMaxima(tf.reshape(pixels, [-1, h, w, c]), rowLevels, columnLevels));
  const piece = Math.max(1, Math.floor(MAX_GATHERED / (bins * bins * c)));
  /** The maximum of each cell, from the row of its first pixel and its windows along both axes. */
  const pool = (firsts: tf.Tensor1D, rows: Cells, columns: Cells): tf.Tensor4D => {
    const first = tf.reshape(firsts, [-1, 1, 1]);
    const window = combined(tf.expandDims(rows.level, 2), columnLevels, tf.expandDims(columns.level, 1));
    const largest = [rows.first, rows.second].flatMap((row) =>
      [columns.first, columns.second].map((column) => {
        const pixel = combined(tf.expandDims(row, 2), w, tf.expandDims(column, 1));
        const index = combined(window, count, tf.add(first, pixel)); // [n, bins, bins]
        return tf.gather(maxima, tf.reshape(index, [-1]));
      }),
    );
    const maximum = largest.reduce((a, value) => tf.maximum<tf.Tensor2D>(a, value));
    const isFull = tf.logicalAnd(tf.expandDims(rows.isFull, 2), tf.expandDims(columns.isFull, 1));
    return tf.reshape(tf.mul(maximum, tf.reshape(tf.cast(isFull, 'float32'), [-1, 1])), [-1, bins, bins, c]);
  };
  return (regions) =>
    tf.tidy(() => {
      const r = regions.boxes.shape[0];
      const parts = Array.from({ length: Math.ceil(r / piece) }, (_, i) =>
        tf.tidy(() => {
          const some = slicedRegions(regions, i * piece, Math.min(piece, r - i * piece));
          return pool(some.firsts, cells(some, 1, bins, rowLevels), cells(some, 0, bins, columnLevels));
        }),
      );
      return tf.concat(parts, 0);
    });
}

/** `high * radix + low` for integers. */
function combined(high: tf.Tensor, radix: number, low: tf.Tensor): tf.Tensor {
  return tf.add(tf.mul(high, tf.scalar(radix, 'int32')), low);
}

/** Windows of 1, 2, 4 ... that cover lengths up to `longest` two at a time. */
function levelsFor(longest: number): number {
  return Math.floor(Math.log2(longest)) + 1;
}

/** The maximum of the 2^i x 2^j pixels that start at each pixel, for all i and j: `[rowLevels * columnLevels * b * h * w, c]`. */
function windowMaxima(map: tf.Tensor4D, rowLevels: number, columnLevels: number): tf.Tensor2D {
  const rows = doublings(map, 1, rowLevels);
  const all = rows.flatMap((value) => doublings(value, 2, columnLevels));
  return tf.concat(all.map((value) => tf.reshape(value, [-1, map.shape[3]])) as tf.Tensor2D[], 0);
}

function doublings(map: tf.Tensor4D, axis: 1 | 2, levels: number): tf.Tensor4D[] {
  const values = [map];
  for (let level = 1; level < levels; level++) {
    const previous = values.at(-1) as tf.Tensor4D;
    const shift = Math.min(2 ** (level - 1), map.shape[axis]);
    values.push(tf.maximum(previous, shifted(previous, axis, shift)));
  }
  return values;
}

/** Values shifted by `shift` pixels; those from outside the map are 0 and never used. */
function shifted(map: tf.Tensor4D, axis: 1 | 2, shift: number): tf.Tensor4D {
  const begin = [0, 0, 0, 0] as [number, number, number, number];
  begin[axis] = shift;
  const sides: [number, number][] = [[0, 0], [0, 0], [0, 0], [0, 0]]; // prettier-ignore
  sides[axis] = [0, shift];
  return tf.pad(tf.slice(map, begin, [-1, -1, -1, -1]), sides);
}

/** Cells along one axis, `[r, bins]` each: two windows of 2^level pixels that cover a cell. */
interface Cells {
  level: tf.Tensor2D;
  first: tf.Tensor2D;
  second: tf.Tensor2D;
  isFull: tf.Tensor2D;
}

function cells({ boxes, scales, heights, widths }: LocatedRegions, axis: 0 | 1, bins: number, levels: number): Cells {
  const r = boxes.shape[0];
  const size = tf.reshape(axis === 1 ? heights : widths, [r, 1]);
  const within = (values: tf.Tensor, most: tf.Tensor): tf.Tensor => tf.minimum(tf.maximum(values, 0), most);
  const side = (column: number): tf.Tensor2D =>
    rounded(tf.mul(tf.slice(boxes, [0, column], [-1, 1]), tf.reshape(scales, [r, 1])));
  const start = side(axis);
  const length = tf.maximum(tf.add(tf.sub(side(axis + 2), start), 1), 1);
  const step = tf.div(length, bins);
  const cell = tf.reshape(tf.range(0, bins), [1, bins]);
  const inside = (values: tf.Tensor): tf.Tensor2D => within(tf.add(values, start), size) as tf.Tensor2D;
  const low = inside(tf.floor(tf.mul(cell, step)));
  const high = inside(tf.ceil(tf.mul(tf.add(cell, 1), step)));
  const count = tf.sub(high, low);
  const powers = Array.from({ length: levels - 1 }, (_, i) => tf.cast(tf.greaterEqual(count, 2 ** (i + 1)), 'int32'));
  const level = powers.reduce((sum, value) => tf.add(sum, value), tf.zeros([r, bins], 'int32')) as tf.Tensor2D;
  const reaches: tf.Tensor = tf.gather(tf.tensor1d(Array.from({ length: levels }, (_, i) => 2 ** i)), level);
  const index = (values: tf.Tensor): tf.Tensor2D => tf.cast(within(values, tf.sub(size, 1)), 'int32') as tf.Tensor2D;
  return { level, first: index(low), second: index(tf.sub(high, reaches)), isFull: tf.greater(count, 0) };
}

/** C's round for non-negative numbers: halves are rounded up. */
function rounded(values: tf.Tensor): tf.Tensor2D {
  const below = tf.floor(values);
  return tf.add(below, tf.cast(tf.greaterEqual(tf.sub(values, below), 0.5), 'float32'));
}
