// Anchors: the boxes around each pixel of a feature map that a proposal network moves and scores.
import { roundHalfEven } from '../round-half-even.js';
import type { BoxConvention } from './convention.js';

export interface AnchorOptions {
  /** Square roots of the anchors' areas, in pixels of the picture. */
  sizes: readonly number[];
  /** Heights over widths. */
  ratios: readonly number[];
  /** Pixels of the picture between two pixels of the map. */
  stride: number;
  convention: BoxConvention;
}

/**
 * Anchors of a map: `[h * w * sizes * ratios, 4]`, x1, y1, x2, y2.
 * Continuous anchors are centred on the corner of their pixel, ordered by size, then ratio. Inclusive ones are centred on its middle, their widths
 * and heights rounded before scaling, ordered by ratio, then size.
 * @see detectron2 `anchor_generator.py`; Detectron `generate_anchors.py`
 */
export function createAnchors(height: number, width: number, options: AnchorOptions): Float32Array {
  const cell = options.convention === 'inclusive' ? roundedAnchors(options) : exactAnchors(options);
  const anchors = new Float32Array(height * width * cell.length);
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      cell.forEach((side, i) => (anchors[to++] = Math.fround(side) + (i % 2 === 0 ? x : y) * options.stride));
    }
  }
  return anchors;
}

function exactAnchors({ sizes, ratios }: AnchorOptions): number[] {
  return sizes.flatMap((size) =>
    ratios.flatMap((ratio) => {
      const width = Math.sqrt(size ** 2 / ratio);
      const height = ratio * width;
      return [-width / 2, -height / 2, width / 2, height / 2];
    }),
  );
}

function roundedAnchors({ sizes, ratios, stride }: AnchorOptions): number[] {
  const middle = (stride - 1) / 2;
  return ratios.flatMap((ratio) => {
    const width = roundHalfEven(Math.sqrt(stride ** 2 / ratio));
    const height = roundHalfEven(width * ratio);
    return sizes.flatMap((size) => {
      const [dx, dy] = [((width * size) / stride - 1) / 2, ((height * size) / stride - 1) / 2];
      return [middle - dx, middle - dy, middle + dx, middle + dy];
    });
  });
}
