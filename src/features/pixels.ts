// Region features made of pixels alone: a region's look on a small grid, and its box. No detector, no labels.
import { DataError } from '../errors.js';
import { type RgbImage } from '../pictures/rgb-image.js';
import type { PixelFeatureOptions } from './pixel-options.js';
import { type RegionColumn, type RegionFeatures } from './region-features.js';
import { requireKinds } from '../options.js';

/** Numbers that describe a region's box: x1, y1, x2, y2, width, height. */
const BOX_WIDTH = 6;
/** Boxes are scaled to -4..4, so that six numbers count as much as the pixels. */
const BOX_SCALE = 8;
/** A color distance (of values 0 to 1) that is ignored: noise, shading. */
const FAINT_CONTRAST = 0.05;

/**
 * Width of a feature.
 * @example
 * pixelFeatureDim({ cells: 8, look: 'colors' }); // 8 * 8 cells of 3 colors, and 6 numbers of the box: 198
 */
export function pixelFeatureDim(options: PixelFeatureOptions): number {
  requireKinds('pixelFeatureDim', { 'an object': { options } });
  const { cells, look } = options;
  return (look === 'form' ? cells * cells + 3 : cells * cells * 3) + BOX_WIDTH;
}

/**
 * Describes each region by its pixels, then by its box: (x1, y1, x2, y2, width, height) as shares of the picture, scaled to -4..4.
 * Colors are scaled from 0..255 to -2..2, contrasts from 0..1 to -1..3.
 * @param boxes one [x1, y1, x2, y2] in pixels for each region; x2 and y2 are exclusive, fractions count.
 * @throws DataError when a box is empty or leaves the picture.
 * @example
 * const picture = await readPicture('photo.jpg');
 * const boxes = gridBoxes(picture.width, picture.height, 4);
 * const { count, dim, features } = pixelFeatures(picture, boxes, { cells: 8, look: 'colors' }); // [16, 198]
 */
export function pixelFeatures(
  image: RgbImage,
  boxes: readonly (readonly number[])[],
  options: PixelFeatureOptions,
): Required<Omit<RegionFeatures, RegionColumn>> {
  requireKinds('pixelFeatures', { 'an object': { image, options }, 'a list': { boxes } });
  const dim = pixelFeatureDim(options);
  const features = new Float32Array(boxes.length * dim);
  boxes.forEach((box, i) => {
    requireBox(box, image, i);
    const colors = resample(image, box, options.cells);
    const row = features.subarray(i * dim, (i + 1) * dim);
    row.set(options.look === 'form' ? formOf(colors, options.cells) : colors.map(scaleColor));
    row.set(boxShares(box, image), dim - BOX_WIDTH);
  });
  const { width: imageWidth, height: imageHeight } = image;
  return { features, count: boxes.length, dim, boxes: Float32Array.from(boxes.flat()), imageWidth, imageHeight };
}

/**
 * Boxes that divide a picture into `n` x `n` equal patches, row by row.
 * @example
 * gridBoxes(64, 32, 2); // [[0, 0, 32, 16], [32, 0, 64, 16], [0, 16, 32, 32], [32, 16, 64, 32]]
 */
export function gridBoxes(width: number, height: number, n: number): number[][] {
  return Array.from({ length: n * n }, (_, i) => {
    const [row, column] = [Math.floor(i / n), i % n];
    return [(column * width) / n, (row * height) / n, ((column + 1) * width) / n, ((row + 1) * height) / n];
  });
}

function scaleColor(value: number): number {
  return (value - 0.5) * 4;
}

/** The contrast of every cell with the mean of the edge cells, 1 for the strongest, and the mean color weighted by contrast. */
function formOf(colors: readonly number[], cells: number): number[] {
  const colorOf = (cell: number): number[] => colors.slice(cell * 3, cell * 3 + 3);
  const all = Array.from({ length: cells * cells }, (_, cell) => cell);
  const last = cells - 1;
  const isEdge = (cell: number): boolean =>
    [Math.floor(cell / cells), cell % cells].some((at) => at === 0 || at === last);
  const edge = meanColor(all.filter(isEdge).map((cell) => [colorOf(cell), 1]));
  const distances = all.map((cell) => Math.hypot(...colorOf(cell).map((value, k) => value - (edge[k] as number))));
  const strongest = Math.max(...distances) + FAINT_CONTRAST;
  const contrasts = distances.map((distance) => distance / strongest);
  const color = meanColor(all.map((cell) => [colorOf(cell), (contrasts[cell] as number) + FAINT_CONTRAST]));
  return [...contrasts.map((contrast) => contrast * 4 - 1), ...color.map(scaleColor)];
}

function meanColor(weighted: readonly (readonly [color: readonly number[], weight: number])[]): number[] {
  const total = weighted.reduce((sum, [, weight]) => sum + weight, 0);
  return [0, 1, 2].map(
    (k) => weighted.reduce((sum, [color, weight]) => sum + (color[k] as number) * weight, 0) / total,
  );
}

function boxShares(box: readonly number[], { width, height }: RgbImage): number[] {
  const [x1, y1, x2, y2] = box as [number, number, number, number];
  const shares = [x1 / width, y1 / height, x2 / width, y2 / height, (x2 - x1) / width, (y2 - y1) / height];
  return shares.map((share) => (share - 0.5) * BOX_SCALE);
}

/** Averages a crop onto cells: R, G and B of each, 0 to 1; a pixel counts by the share of it that a cell covers. */
function resample({ width, rgb }: RgbImage, box: readonly number[], cells: number): number[] {
  const [x1, y1, x2, y2] = box as [number, number, number, number];
  const columns = coverage(x1, x2, cells);
  const rows = coverage(y1, y2, cells);
  return rows.flatMap((row) =>
    columns.flatMap((column) => {
      let [r, g, b] = [0, 0, 0];
      for (const [y, yShare] of row) {
        for (const [x, xShare] of column) {
          const at = (y * width + x) * 3;
          const share = (xShare * yShare) / 255;
          r += (rgb[at] as number) * share;
          g += (rgb[at + 1] as number) * share;
          b += (rgb[at + 2] as number) * share;
        }
      }
      return [r, g, b];
    }),
  );
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
