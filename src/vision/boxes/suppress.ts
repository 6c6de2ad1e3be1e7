// Non-maximum suppression in plain arrays: of boxes that overlap much, the one with the highest score stays.
import { type BoxConvention, extentOf } from './convention.js';

const { fround, max, min } = Math;

export interface SuppressOptions {
  /** Boxes whose intersection is more than this share of their union suppress one another. */
  threshold: number;
  convention: BoxConvention;
}

/** Rows in the order of descending scores; equal ones in their own order. */
export function byScore(scores: ArrayLike<number>): Int32Array {
  const order = Int32Array.from({ length: scores.length }, (_, i) => i);
  return order.sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b);
}

/**
 * Which boxes suppress which, for any scores: worth it where the same boxes are suppressed by the scores of many classes.
 * @param boxes `[n, 4]`. @returns a function of scores `[n]` that calls `keep` for each row that stays, by descending scores.
 */
export function suppressor(
  boxes: Float32Array,
  options: SuppressOptions,
): (scores: ArrayLike<number>, keep: (row: number) => void) => void {
  const n = boxes.length / 4;
  const words = (n + 31) >>> 5;
  const overlaps = new Uint32Array(n * words);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const at = i * words + (j >>> 5);
      if (overlap(boxes, i, j, options.convention) > options.threshold)
        overlaps[at] = (overlaps[at] as number) | (1 << (j & 31));
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

/** Rows of boxes `[n, 4]` that stay, by descending scores. */
export function suppress(boxes: Float32Array, scores: ArrayLike<number>, options: SuppressOptions): number[] {
  const kept: number[] = [];
  for (const row of byScore(scores)) {
    if (kept.every((other) => !(overlap(boxes, other, row, options.convention) > options.threshold))) kept.push(row);
  }
  return kept;
}

/** Intersection over union in float32, as the reference rounds. */
function overlap(boxes: Float32Array, a: number, b: number, convention: BoxConvention): number {
  const extent = extentOf(convention);
  const side = (row: number, column: number): number => boxes[row * 4 + column] as number;
  const length = (low: number, high: number): number => fround(fround(high - low) + extent);
  const area = (row: number): number => fround(length(side(row, 0), side(row, 2)) * length(side(row, 1), side(row, 3)));
  const width = max(0, length(max(side(a, 0), side(b, 0)), min(side(a, 2), side(b, 2))));
  const height = max(0, length(max(side(a, 1), side(b, 1)), min(side(a, 3), side(b, 3))));
  const common = fround(width * height);
  return fround(common / fround(fround(area(a) + area(b)) - common));
}
