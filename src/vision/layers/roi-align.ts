// RoIAlign: pools boxes of any size from feature maps into grids of one size, without rounding their borders.
import { tf } from '#tf';
import { fused } from '../../fused.js';
import { gradientsInside, withGradient } from '../../layers/with-gradient.js';
import { kernelInputs, type PixelTable, type LocatedRegions, slicedRegions, someRegions } from './region-maps.js';

/** Values gathered at a time: bounds memory to a few times 64 MB. */
const MAX_GATHERED = 1 << 24;

export interface RoiAlignOptions {
  /** Cells along each side of the result. */
  bins: number;
  /** Samples along each side of a cell; 0: about one for each pixel that the cell covers. */
  sampling: number;
  /** Whether a pixel's value belongs to its middle: boxes are shifted by half a pixel of the map, and may be narrower than one. */
  isAligned: boolean;
}

/** How many samples a region takes along each side of a cell. */
interface Samples {
  rows: number;
  columns: number;
}

/**
 * Regions `[r, bins, bins, c]`: each cell is the mean of bilinear samples spread over it. Samples more than a pixel outside the map
 * count as 0. Float32 like the reference, so that rounding agrees. Differentiable in the pixels; recording needs a fixed number of samples.
 * @see https://arxiv.org/abs/1703.06870; torchvision.ops.roi_align
 */
export function roiAlign(table: PixelTable, regions: LocatedRegions, options: RoiAlignOptions): tf.Tensor4D {
  return tf.tidy(() => {
    const { sampling, isAligned, bins } = options;
    const { boxes, scales, heights, widths, firsts, pitches } = regions;
    return withGradient(
      [table.pixels],
      () => {
        const pooled = fused('RoiAlign', kernelInputs(table, regions, bins), { sampling, isAligned })?.[0];
        return {
          value: pooled ?? composedRoiAlign(table.pixels, regions, options),
          saved: [table.pixels, boxes, scales, heights, widths, firsts, pitches],
        };
      },
      (dy, saved) => {
        const [pixels, ...rest] = saved as [tf.Tensor2D, tf.Tensor2D, ...tf.Tensor1D[]];
        const composed = (): tf.Tensor => composedRoiAlign(pixels, regionsFrom(rest as RegionTensors), options);
        return [() => gradientsInside(composed, [pixels], dy)[0] ?? tf.zerosLike(pixels)];
      },
    ) as tf.Tensor4D;
  });
}

/** The tensors of regions in the order in which they are saved for the gradient. */
type RegionTensors = [tf.Tensor2D, tf.Tensor1D, tf.Tensor1D, tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];

function regionsFrom([boxes, scales, heights, widths, firsts, pitches]: RegionTensors): LocatedRegions {
  return { boxes, scales, heights, widths, firsts, pitches };
}

function composedRoiAlign(pixels: tf.Tensor2D, regions: LocatedRegions, options: RoiAlignOptions): tf.Tensor4D {
  if (options.sampling > 0) {
    return alignedInPieces(pixels, regions, { rows: options.sampling, columns: options.sampling }, options);
  }
  return tf.tidy(() => {
    const groups = bySamples(regions, options);
    const parts = groups.map(({ rows, samples }) =>
      alignedInPieces(pixels, someRegions(regions, tf.tensor1d(rows, 'int32')), samples, options),
    );
    const order = groups.flatMap(({ rows }) => rows);
    const back = new Int32Array(order.length);
    order.forEach((row, i) => (back[row] = i));
    return tf.gather(tf.concat(parts, 0), tf.tensor1d(back, 'int32'));
  });
}

/** Regions grouped by the number of samples for their size. Reads the boxes, so only a fixed number can be recorded. */
function bySamples(regions: LocatedRegions, options: RoiAlignOptions): { rows: number[]; samples: Samples }[] {
  const steps = tf.tidy(() => tf.stack([1, 0].map((axis) => axisOf(regions, axis, options).step)).dataSync());
  const r = regions.boxes.shape[0];
  const groups: { rows: number[]; samples: Samples }[] = [];
  const byRows = new Map<number, Map<number, number[]>>();
  for (let i = 0; i < r; i++) {
    const samples = { rows: Math.ceil(steps[i] as number), columns: Math.ceil(steps[r + i] as number) };
    const byColumns = byRows.get(samples.rows) ?? new Map<number, number[]>();
    byRows.set(samples.rows, byColumns);
    const known = byColumns.get(samples.columns);
    if (known !== undefined) {
      known.push(i);
      continue;
    }
    const rows = [i];
    byColumns.set(samples.columns, rows);
    groups.push({ rows, samples });
  }
  return groups;
}

function alignedInPieces(
  pixels: tf.Tensor2D,
  regions: LocatedRegions,
  samples: Samples,
  options: RoiAlignOptions,
): tf.Tensor4D {
  const r = regions.boxes.shape[0];
  const c = pixels.shape[1];
  const { bins } = options;
  if (!(samples.rows > 0 && samples.columns > 0)) return tf.zeros([r, bins, bins, c]); // empty boxes
  const each = bins * samples.rows * bins * samples.columns * c;
  const piece = Math.max(1, Math.floor(MAX_GATHERED / each));
  if (piece >= r) return tf.tidy(() => aligned(pixels, regions, samples, options));
  const parts = Array.from({ length: Math.ceil(r / piece) }, (_, i) =>
    tf.tidy(() => {
      const some = slicedRegions(regions, i * piece, Math.min(piece, r - i * piece));
      return aligned(pixels, some, samples, options);
    }),
  );
  const whole = tf.concat(parts, 0);
  tf.dispose(parts);
  return whole;
}

function aligned(
  pixels: tf.Tensor2D,
  regions: LocatedRegions,
  samples: Samples,
  options: RoiAlignOptions,
): tf.Tensor4D {
  const { bins } = options;
  const r = regions.boxes.shape[0];
  const c = pixels.shape[1];
  const rows = axisSamples(axisOf(regions, 1, options), regions.heights, bins, samples.rows);
  const columns = axisSamples(axisOf(regions, 0, options), regions.widths, bins, samples.columns);
  const pitches = tf.reshape(regions.pitches, [r, 1]);
  const corner = (row: Sampled, column: Sampled): tf.Tensor2D => {
    const starts = tf.add(tf.mul(row.index, pitches), tf.reshape(regions.firsts, [r, 1])); // [r, bins * rows]
    const index = tf.reshape(tf.add(tf.expandDims(starts, 2), tf.expandDims(column.index, 1)), [-1]);
    const share = tf.reshape(tf.mul(tf.expandDims(row.share, 2), tf.expandDims(column.share, 1)), [-1, 1]);
    return tf.mul(tf.gather(pixels, index), share);
  };
  const corners = rows.flatMap((row) => columns.map((column) => corner(row, column)));
  const sum = corners.reduce((total, value) => tf.add<tf.Tensor2D>(total, value));
  const cells = tf.reshape(sum, [r * bins, samples.rows, bins, samples.columns * c]);
  const overRows = tf.reshape(tf.sum(cells, 1), [r * bins * bins, samples.columns, c]);
  return tf.reshape(tf.div(tf.sum(overRows, 1), samples.rows * samples.columns), [r, bins, bins, c]);
}

/** Along one axis, `[r]` each: start of the regions on the map, and length of a cell. */
interface Axis {
  start: tf.Tensor1D;
  step: tf.Tensor1D;
}

function axisOf({ boxes, scales }: LocatedRegions, axis: number, { bins, isAligned }: RoiAlignOptions): Axis {
  const r = boxes.shape[0];
  const end = (column: number): tf.Tensor1D => {
    const scaled: tf.Tensor1D = tf.mul(tf.reshape(tf.slice(boxes, [0, column], [-1, 1]), [r]), scales);
    return isAligned ? tf.sub(scaled, 0.5) : scaled;
  };
  const start = end(axis);
  const length: tf.Tensor1D = tf.sub(end(axis + 2), start);
  return { start, step: tf.div(isAligned ? length : tf.maximum(length, 1), bins) };
}

/** Pixels on one side of the samples, and their weights. */
interface Sampled {
  /** `[r, bins * samples]` int32 */
  index: tf.Tensor2D;
  /** `[r, bins * samples]` float32 */
  share: tf.Tensor2D;
}

/** The pixels before and after each sample. */
function axisSamples({ start, step }: Axis, sizes: tf.Tensor1D, bins: number, samples: number): Sampled[] {
  const column = (values: tf.Tensor1D): tf.Tensor3D => tf.reshape(values, [-1, 1, 1]);
  const cell = tf.reshape(tf.range(0, bins), [1, bins, 1]);
  const within = tf.add(tf.reshape(tf.range(0, samples), [1, 1, samples]), 0.5);
  const begin = tf.add(column(start), tf.mul(cell, column(step))); // [r, bins, 1]
  const exact = tf.add(begin, tf.div(tf.mul(within, column(step)), samples)); // [r, bins, samples]
  const at = tf.reshape(exact, [-1, bins * samples]) as tf.Tensor2D;
  const size = tf.reshape(sizes, [-1, 1]);
  const last = tf.sub(size, 1);
  const inside = tf.cast(tf.logicalAnd(tf.greaterEqual(at, -1), tf.lessEqual(at, size)), 'float32');
  const clipped = tf.minimum(tf.maximum(at, 0), last);
  const before = tf.floor(clipped) as tf.Tensor2D;
  const after = tf.minimum(tf.add(before, 1), last) as tf.Tensor2D;
  const rest = tf.sub(clipped, before);
  const index = (values: tf.Tensor2D): tf.Tensor2D => tf.cast(values, 'int32');
  return [
    { index: index(before), share: tf.mul(tf.sub(1, rest), inside) },
    { index: index(after), share: tf.mul(rest, inside) },
  ];
}
