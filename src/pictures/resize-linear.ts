// Resizing by linear interpolation without a filter, in float32, as in PyTorch and OpenCV, for networks that were trained on such pictures.
import type { RgbImage } from './rgb-image.js';

const { floor, fround, max, min } = Math;

/** Which library's rounding of positions to follow. */
export type LinearRule = 'torch' | 'opencv';

export interface ResizeLinearOptions {
  width: number;
  height: number;
  rule: LinearRule;
  /** For `opencv`: source size over target size, when the caller chose a factor and not a size. */
  scale?: number;
}

/** `[height, width, 3]` in row order, red, green, blue from 0 to 255. */
export type FloatPixels = Float32Array;

/** Along one axis: the pixels before and after each position, and the weight of the one after. */
interface Positions {
  before: Int32Array;
  after: Int32Array;
  rest: Float32Array;
}

/**
 * Resizes a picture. Pixels are points at the centre of their squares; shrinking does not average.
 * @see `torch.nn.functional.interpolate(mode='bilinear', align_corners=False)`; `cv2.resize(interpolation=INTER_LINEAR)` of float32, by OpenCV's own
 * code: Intel's IPP, which some of its builds use for large pictures, rounds positions differently, and its values differ by up to 0.007 of 255
 */
export function resizeLinear(image: RgbImage, { width, height, rule, scale }: ResizeLinearOptions): FloatPixels {
  const columns = positions(image.width, width, rule, scale);
  const rows = positions(image.height, height, rule, scale);
  const out = new Float32Array(width * height * 3);
  const { rgb } = image;
  const rowBytes = image.width * 3;
  for (let y = 0, to = 0; y < height; y++) {
    const [above, below] = [(rows.before[y] as number) * rowBytes, (rows.after[y] as number) * rowBytes];
    const lower = rows.rest[y] as number;
    const upper = fround(1 - lower);
    for (let x = 0; x < width; x++) {
      const [left, right] = [(columns.before[x] as number) * 3, (columns.after[x] as number) * 3];
      const nearRight = columns.rest[x] as number;
      const nearLeft = fround(1 - nearRight);
      for (let c = 0; c < 3; c++, to++) {
        const first = fround(
          (rgb[above + left + c] as number) * nearLeft + (rgb[above + right + c] as number) * nearRight,
        );
        const second = fround(
          (rgb[below + left + c] as number) * nearLeft + (rgb[below + right + c] as number) * nearRight,
        );
        out[to] = first * upper + second * lower;
      }
    }
  }
  return out;
}

function positions(from: number, to: number, rule: LinearRule, scale = from / to): Positions {
  const step = rule === 'torch' ? fround(scale) : scale;
  const before = new Int32Array(to);
  const after = new Int32Array(to);
  const rest = new Float32Array(to);
  for (let i = 0; i < to; i++) {
    const exact = rule === 'torch' ? fround(fround(step * (i + 0.5)) - 0.5) : fround((i + 0.5) * step - 0.5);
    const at = min(max(exact, 0), from - 1);
    before[i] = floor(at);
    after[i] = min(floor(at) + 1, from - 1);
    rest[i] = at - floor(at);
  }
  return { before, after, rest };
}
