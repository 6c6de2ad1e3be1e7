// Boxes and how much two of them overlap.
import { requireKinds } from './options.js';

/** x1, y1, x2, y2. */
export type Box = readonly [number, number, number, number];

/** Overlap from which a region counts as a match of a phrase. */
export const MATCHING_OVERLAP = 0.5;

/**
 * Intersection over union, in [0, 1]; 0 for boxes without area.
 * @see uclanlp/visualbert `flickr_ban/utils.py`, calculate_iou: widths are x2 - x1, without the pixel that some tools add
 * @example
 * intersectionOverUnion([0, 0, 2, 2], [1, 0, 3, 2]); // 2 / 6
 */
export function intersectionOverUnion(a: Box, b: Box): number {
  requireKinds('intersectionOverUnion', { 'a list': { a, b } });
  const area = ([x1, y1, x2, y2]: Box): number => (x2 - x1) * (y2 - y1);
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width < 0 || height < 0) return 0;
  const common = width * height;
  const union = area(a) + area(b) - common;
  return union > 0 ? common / union : 0;
}

/** Box `i` of a flat `[n, 4]` array. */
export function boxAt(boxes: ArrayLike<number>, i: number): Box {
  return [boxes[4 * i] as number, boxes[4 * i + 1] as number, boxes[4 * i + 2] as number, boxes[4 * i + 3] as number];
}

/**
 * The regions that overlap any of the boxes by half at least.
 * @example
 * matchingRegions([[0, 0, 2, 2]], [0, 0, 2, 3, 5, 5, 6, 6]); // [0]: its overlap is 4 / 6
 */
export function matchingRegions(boxes: readonly Box[], regions: ArrayLike<number>): number[] {
  requireKinds('matchingRegions', { 'a list': { boxes, regions } });
  const matches: number[] = [];
  for (let i = 0; i < regions.length / 4; i++) {
    if (boxes.some((box) => intersectionOverUnion(box, boxAt(regions, i)) >= MATCHING_OVERLAP)) matches.push(i);
  }
  return matches;
}
