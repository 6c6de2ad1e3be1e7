// Converts outlines of objects to small masks over their boxes.

/** Cells along each side of a mask. */
export const MASK_SIZE = 14;

type Point = readonly [number, number];

/**
 * The mask of an object: 1 where the centre of a cell is inside one of its polygons. `[14, 14]`, row by row.
 * @param box x1, y1, x2, y2; outlines are in the same pixels.
 * @see uclanlp/visualbert `mask_utils.py`, make_mask
 */
export function objectMask(box: readonly number[], polygons: readonly (readonly Point[])[]): Float32Array {
  const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = box;
  const [columns, rows] = [middles(x1, x2), middles(y1, y2)];
  return Float32Array.from({ length: MASK_SIZE * MASK_SIZE }, (_, i) => {
    const point = [columns[i % MASK_SIZE], rows[Math.floor(i / MASK_SIZE)]] as [number, number];
    return Number(polygons.some((polygon) => isInside(point, polygon)));
  });
}

/** numpy's linspace between the middles of the first and the last cell. */
function middles(low: number, high: number): number[] {
  const padding = (high - low) / (MASK_SIZE * 2);
  const [first, last] = [low + padding, high - padding];
  const step = (last - first) / (MASK_SIZE - 1);
  return Array.from({ length: MASK_SIZE }, (_, i) => (i === MASK_SIZE - 1 ? last : i * step + first));
}

/**
 * Whether a ray to the right crosses the outline an odd number of times. Points on it are treated as in matplotlib.
 * @see matplotlib `_path.h`, point_in_path_impl; Eric Haines, Point in Polygon Strategies, Graphics Gems IV
 */
function isInside([x, y]: Point, polygon: readonly Point[]): boolean {
  if (polygon.length < 3) return false;
  let inside = false;
  let [ax, ay] = polygon[polygon.length - 1] as Point;
  for (const [bx, by] of polygon) {
    const isAbove = by >= y;
    if (ay >= y !== isAbove && (by - y) * (ax - bx) >= (bx - x) * (ay - by) === isAbove) inside = !inside;
    [ax, ay] = [bx, by];
  }
  return inside;
}
