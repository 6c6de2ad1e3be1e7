// Resizes byte for byte like Pillow, whose pixels networks were trained on; no JavaScript library gives the same bytes.
import type { RgbImage } from './rgb-image.js';

/** Fraction bits of a weight: 32, minus 8 for a byte and 2 in reserve. */
const PRECISION_BITS = 22;

/** For each output pixel along an axis: the first source pixel and the weights from there, integers that sum to about 2^22. */
type Taps = readonly (readonly [first: number, weights: Int32Array])[];

/**
 * Resizes with a triangle filter, widened for shrinking: along one axis, rounded to bytes, then along the other. Rows are first if they
 * lose more than twice as many pixels as columns, as in Pillow 13 (found by comparing bytes).
 * @see Pillow `Image.resize(size, Resampling.BILINEAR)`, https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c
 */
export function resizeBilinear(image: RgbImage, width: number, height: number): RgbImage {
  const [fewerColumns, fewerRows] = [image.width - width, image.height - height];
  const isRowsFirst = fewerRows > 0 && fewerRows > 2 * fewerColumns;
  return isRowsFirst ? toWidth(toHeight(image, height), width) : toHeight(toWidth(image, width), height);
}

function toWidth(image: RgbImage, width: number): RgbImage {
  return image.width === width ? image : resizeColumns(image, taps(image.width, width));
}

function toHeight(image: RgbImage, height: number): RgbImage {
  return image.height === height ? image : resizeRows(image, taps(image.height, height));
}

function taps(from: number, to: number): Taps {
  const scale = from / to;
  const support = Math.max(scale, 1); // of a triangle: one source pixel when enlarging
  return Array.from({ length: to }, (_, i) => {
    const center = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(from, Math.trunc(center + support + 0.5));
    const inverse = 1 / support;
    const weights = Array.from({ length: end - first }, (_, k) =>
      Math.max(0, 1 - Math.abs((k + first - center + 0.5) * inverse)),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const whole = weights.map((weight) =>
      Math.trunc(0.5 + (sum === 0 ? weight : weight / sum) * (1 << PRECISION_BITS)),
    );
    return [first, Int32Array.from(whole)] as const;
  });
}

function resizeColumns({ width, height, rgb }: RgbImage, columns: Taps): RgbImage {
  const out = new Uint8Array(columns.length * height * 3);
  for (let y = 0; y < height; y++) {
    columns.forEach(([first, weights], x) => {
      sumInto(out, (y * columns.length + x) * 3, rgb, (y * width + first) * 3, 3, weights);
    });
  }
  return { width: columns.length, height, rgb: out };
}

function resizeRows({ width, rgb }: RgbImage, rows: Taps): RgbImage {
  const out = new Uint8Array(width * rows.length * 3);
  rows.forEach(([first, weights], y) => {
    for (let x = 0; x < width; x++) {
      sumInto(out, (y * width + x) * 3, rgb, (first * width + x) * 3, width * 3, weights);
    }
  });
  return { width, height: rows.length, rgb: out };
}

/** One output pixel: the weighted sum of pixels `stride` bytes apart. */
function sumInto(
  out: Uint8Array,
  to: number,
  rgb: Uint8Array,
  from: number,
  stride: number,
  weights: Int32Array,
): void {
  let r = 1 << (PRECISION_BITS - 1);
  let g = r;
  let b = r;
  for (let k = 0, at = from; k < weights.length; k++, at += stride) {
    const weight = weights[k] as number;
    r += (rgb[at] as number) * weight;
    g += (rgb[at + 1] as number) * weight;
    b += (rgb[at + 2] as number) * weight;
  }
  // Weights are positive and sum to about 2^22, so the sums stay below 2^31.
  out[to] = Math.min(255, r >> PRECISION_BITS);
  out[to + 1] = Math.min(255, g >> PRECISION_BITS);
  out[to + 2] = Math.min(255, b >> PRECISION_BITS);
}
