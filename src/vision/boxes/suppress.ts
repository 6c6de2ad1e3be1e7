// Non-maximum suppression in plain arrays: of boxes that overlap, the one with the highest score is kept.
import { type BoxConvention, extentOf } from './convention.js';

const { fround, max, min } = Math;

export interface SuppressOptions {
  /** Intersection over union above which two boxes overlap. */
  threshold: number;
  convention: BoxConvention;
}

/** Rows by descending scores; ties keep their order. */
export function byScore(scores: ArrayLike<number>): Int32Array {
  const order = Int32Array.from({ length: scores.length }, (_, i) => i);
  return order.sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b);
}

/**
 * Computes which boxes overlap once, to suppress the same boxes by the scores of many classes.
 * @param boxes `[n, 4]`. @returns a function of scores `[n]` that calls `keep` for each row that is kept, by descending scores.
 */
export function suppressor(
  boxes: Float32Array,
  options: SuppressOptions,
): (scores: ArrayLike<number>, keep: (row: number) => void) => void {
  const n = boxes.length / 4;
  const words = (n + 31) >>> 5;
  const overlaps = new Uint32Array(n * words);
  const areas = areasOf(boxes, options.convention);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const at = i * words + (j >>> 5);
      if (doOverlap(boxes, areas, i, j, options)) overlaps[at] = (overlaps[at] as number) | (1 << (j & 31));
    }
  }
  const suppressed = new Uint32Array(words);
  return (scores, keep) => {
    suppressed.fill(0);
    for (const row of byScore(scores)) {
      if (((suppressed[row >>> 5] as number) >>> (row & 31)) & 1) continue;
      keep(row);
      for (let word = 0; word < words; word++)
        suppressed[word] = (suppressed[word] as number) | (overlaps[row * words + word] as number);
    }
  };
}

/** Rows of boxes `[n, 4]` that are kept, by descending scores. */
export function suppress(boxes: Float32Array, scores: ArrayLike<number>, options: SuppressOptions): number[] {
  const areas = areasOf(boxes, options.convention);
  const kept: number[] = [];
  for (const row of byScore(scores)) {
    if (!kept.some((other) => doOverlap(boxes, areas, other, row, options))) kept.push(row);
  }
  return kept;
}

/** Areas of boxes in float32, as the reference rounds. */
function areasOf(boxes: Float32Array, convention: BoxConvention): Float32Array {
  const extent = extentOf(convention);
  return Float32Array.from({ length: boxes.length / 4 }, (_, row) => {
    const [x1, y1, x2, y2] = boxes.subarray(row * 4, row * 4 + 4) as unknown as [number, number, number, number];
    return fround(fround(x2 - x1) + extent) * fround(fround(y2 - y1) + extent);
  });
}

/** Whether the intersection over union, in float32 as the reference rounds, is above the threshold. */
function doOverlap(
  boxes: Float32Array,
  areas: Float32Array,
  a: number,
  b: number,
  { threshold, convention }: SuppressOptions,
): boolean {
  const extent = extentOf(convention);
  const [i, j] = [a * 4, b * 4];
  const left = max(boxes[i] as number, boxes[j] as number);
  const width = fround(fround(min(boxes[i + 2] as number, boxes[j + 2] as number) - left) + extent);
  if (width <= 0) return false;
  const top = max(boxes[i + 1] as number, boxes[j + 1] as number);
  const height = fround(fround(min(boxes[i + 3] as number, boxes[j + 3] as number) - top) + extent);
  if (height <= 0) return false;
  const common = fround(width * height);
  return fround(common / fround(fround((areas[a] as number) + (areas[b] as number)) - common)) > threshold;
}
