// Region features made of pixels alone: what a region looks like on a small grid of colours, and where it lies. No detector, no labels.
import { DataError } from '../errors.js';
import { type RgbImage } from './png.js';

/** Numbers that describe a region's place: x1, y1, x2, y2, width, height. */
const GEOMETRY_WIDTH = 6;

export interface PixelFeatureOptions {
  /** Cells along each side of the grid that a region is resampled to. */
  cells: number;
}

/** Region features of one picture: `features [v, dim]`, `boxes [v, 4]` in pixels (x1, y1, x2, y2). */
export interface PixelFeatures {
  readonly features: Float32Array;
  readonly count: number;
  readonly dim: number;
  readonly boxes: Float32Array;
  readonly imageWidth: number;
  readonly imageHeight: number;
}

/** Width of a feature: red, green and blue of every cell, then the place. */
export function pixelFeatureDim({ cells }: PixelFeatureOptions): number {
  return cells * cells * 3 + GEOMETRY_WIDTH;
}

/**
 * Describes each region by its pixels: the crop is averaged onto `cells` x `cells` colours, scaled from 0..255 to -2..2, followed by
 * (x1, y1, x2, y2, width, height) as shares of the picture, scaled from 0..1 to -1..1.
 * @param boxes one [x1, y1, x2, y2] in pixels for each region; x2 and y2 are exclusive, fractions count.
 * @throws DataError when a box is empty or leaves the picture.
 */
export function pixelFeatures(
  image: RgbImage,
  boxes: readonly (readonly number[])[],
  options: PixelFeatureOptions,
): PixelFeatures {
  const dim = pixelFeatureDim(options);
  const features = new Float32Array(boxes.length * dim);
  boxes.forEach((box, i) => {
    requireBox(box, image, i);
    const row = features.subarray(i * dim, (i + 1) * dim);
    resample(image, box, options.cells, row);
    row.set(place(box, image), dim - GEOMETRY_WIDTH);
  });
  const { width: imageWidth, height: imageHeight } = image;
  return { features, count: boxes.length, dim, boxes: Float32Array.from(boxes.flat()), imageWidth, imageHeight };
}

/** Boxes that divide a picture into `n` x `n` equal patches, row by row. */
export function gridBoxes(width: number, height: number, n: number): number[][] {
  return Array.from({ length: n * n }, (_, i) => {
    const [row, column] = [Math.floor(i / n), i % n];
    return [(column * width) / n, (row * height) / n, ((column + 1) * width) / n, ((row + 1) * height) / n];
  });
}

function place(box: readonly number[], { width, height }: RgbImage): number[] {
  const [x1, y1, x2, y2] = box as [number, number, number, number];
  return [x1 / width, y1 / height, x2 / width, y2 / height, (x2 - x1) / width, (y2 - y1) / height].map(
    (v) => 2 * v - 1,
  );
}

/** Averages a crop onto cells: each pixel counts by the share of it that a cell covers. */
function resample({ width, rgb }: RgbImage, box: readonly number[], cells: number, out: Float32Array): void {
  const [x1, y1, x2, y2] = box as [number, number, number, number];
  const columns = coverage(x1, x2, cells);
  const rows = coverage(y1, y2, cells);
  const sums = [0, 0, 0];
  for (let r = 0; r < cells; r++) {
    for (let c = 0; c < cells; c++) {
      sums.fill(0);
      for (const [y, yShare] of rows[r] ?? []) {
        for (const [x, xShare] of columns[c] ?? []) {
          const at = (y * width + x) * 3;
          for (let k = 0; k < 3; k++) sums[k] = (sums[k] as number) + (rgb[at + k] as number) * yShare * xShare;
        }
      }
      for (let k = 0; k < 3; k++) out[(r * cells + c) * 3 + k] = ((sums[k] as number) / 255 - 0.5) * 4;
    }
  }
}

/** For each cell of the span `from`..`to`: the pixels under it and their shares, which sum to 1. */
function coverage(from: number, to: number, cells: number): [pixel: number, share: number][][] {
  const step = (to - from) / cells;
  return Array.from({ length: cells }, (_, i) => {
    const [start, end] = [from + i * step, i === cells - 1 ? to : from + (i + 1) * step];
    const shares: [number, number][] = [];
    for (let pixel = Math.floor(start); pixel < end; pixel++) {
      const covered = Math.min(end, pixel + 1) - Math.max(start, pixel);
      if (covered > 0) shares.push([pixel, covered / (end - start)]);
    }
    return shares;
  });
}

function requireBox(box: readonly number[], { width, height }: RgbImage, index: number): void {
  const [x1 = NaN, y1 = NaN, x2 = NaN, y2 = NaN] = box;
  if (box.length === 4 && x1 >= 0 && y1 >= 0 && x2 <= width && y2 <= height && x1 < x2 && y1 < y2) return;
  throw new DataError(
    `pixelFeatures: expected box ${index} as x1 < x2, y1 < y2 inside the picture of ${width} x ${height} pixels, received [${box.join(', ')}]`,
  );
}
