// Finds which axes of a feature array hold regions and which the width: `[regions, d]`, its transpose, grids of either order, flat values.
import { DataError } from '../errors.js';
import type { NumericArray } from '../formats/npy.js';
import { transposed } from '../shapes.js';
import { MAX_REGIONS_IN_FILE, type RegionFeatures } from './region-features.js';

/** Known facts about an array besides its shape. */
export interface KnownSizes {
  /** Width of the features: the model's, or that of the images read before. */
  dim?: number | undefined;
  /** Rows of the boxes. */
  boxes?: number | undefined;
  /** The number of regions that the file states; rows beyond it are padding. */
  stated?: number | undefined;
}

/** Minimal ratio of a grid's channels to cells along a side (2048 x 19 x 29, 512 x 14 x 14); below it a guess could be wrong. */
const CHANNELS_TO_SIDE = 1.5;

/**
 * An array as rows of regions: `[regions, d]`, `[d, regions]` (openvqa), a grid `[h, w, d]` or `[d, h, w]`, any of them after axes of one
 * entry, or flat values. The axes of a grid are distinguished by the width where it is known, else by the channels being many more than the
 * cells along a side; those of a matrix by the number of rows.
 * @throws DataError when the axes of a grid cannot be distinguished, for other shapes, and when there is no region.
 */
export function regionRows(array: NumericArray, known: KnownSizes, where: string): RegionFeatures {
  const shown = `[${array.shape.join(', ')}]`;
  const { features, dim } = rowsOf(array, known, shown, where);
  const count = dim === 0 ? 0 : features.length / dim;
  if (count === 0) throw new DataError(`${where}: holds no regions (shape ${shown})`);
  if (count > MAX_REGIONS_IN_FILE)
    throw new DataError(`${where}: ${count} regions in one image; check the order of its axes`);
  return { features, count, dim };
}

/** The shape without leading axes of one entry, as a batch of one image has; at least a matrix remains. */
export function withoutBatchAxis(shape: readonly number[]): readonly number[] {
  return shape.length > 2 && shape[0] === 1 ? withoutBatchAxis(shape.slice(1)) : shape;
}

type Rows = Pick<RegionFeatures, 'features' | 'dim'>;

function rowsOf({ shape, data }: NumericArray, known: KnownSizes, shown: string, where: string): Rows {
  const axes = withoutBatchAxis(shape);
  const flatWidth = axes.length === 1 ? widthOfFlat(data.length, known) : 0;
  if (flatWidth > 0) return { features: data, dim: flatWidth };
  if (axes.length === 2) return matrixRows(axes, data, known);
  if (axes.length === 3) return gridRows(axes, data, known, `${where}: ${shown}`);
  throw new DataError(`${where}: expected features as [regions, d] or a grid of them, found ${shown}`);
}

/** The width; 0 when it is unknown. */
function widthOfFlat(length: number, { dim, boxes, stated }: KnownSizes): number {
  const widths = [
    length / (boxes ?? NaN),
    dim !== undefined && length % dim === 0 ? dim : NaN,
    length / (stated ?? NaN),
  ];
  return widths.find((width) => Number.isInteger(width) && width > 0) ?? 0;
}

function matrixRows([a = 0, b = 0]: readonly number[], data: Float32Array, { dim, boxes, stated }: KnownSizes): Rows {
  const rows = boxes ?? stated;
  const isTransposed = b === rows && a !== rows && b !== dim;
  return isTransposed ? { features: transposed(data, a, b), dim: a } : { features: data, dim: b };
}

function gridRows(
  [a = 0, b = 0, c = 0]: readonly number[],
  data: Float32Array,
  { dim }: KnownSizes,
  shown: string,
): Rows {
  const isKnown = dim !== undefined && (a === dim || c === dim);
  const isFirst = isKnown ? a === dim : a >= CHANNELS_TO_SIDE * Math.max(b, c);
  const isLast = isKnown ? c === dim : c >= CHANNELS_TO_SIDE * Math.max(a, b);
  if (isFirst !== isLast)
    return isFirst ? { features: transposed(data, a, b * c), dim: a } : { features: data, dim: c };
  throw new DataError(
    `${shown} may be ${b} x ${c} cells of ${a} channels, or ${a} x ${b} cells of ${c}; save the features as [regions, d], or ` +
      'open them with the width that the model reads (the option dim)',
  );
}
