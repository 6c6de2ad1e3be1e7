// Prepares a film still for the VCR feature extractor: resizes it onto a canvas of fixed size and transforms its boxes.
import type { RgbImage } from '../pictures/rgb-image.js';
import { DataError } from '../errors.js';
import { resizeBilinear } from '../pictures/resize.js';
import { roundHalfEven } from './round-half-even.js';

/** Between 16:9 and 16:6, the aspect ratios of most films. */
export const CANVAS_WIDTH = 768;
export const CANVAS_HEIGHT = 384;

/** Mean and deviation of ImageNet's colors, R, G, B. */
const MEAN = [0.485, 0.456, 0.406].map(Math.fround);
const DEVIATION = [0.229, 0.224, 0.225].map(Math.fround);

/** A box: x1, y1, x2, y2 in pixels. */
export type PixelBox = readonly [number, number, number, number];

/** A picture on the canvas. */
export interface VcrCanvas {
  /** `[384, 768, 3]`: 0 around the picture. */
  image: RgbImage;
  /** Box of the picture on the canvas. */
  window: PixelBox;
  /** Size on the canvas divided by size of the picture. */
  scale: number;
}

/** Resizes a picture to fit, keeping its aspect ratio, and centres it. @see uclanlp/visualbert `box_utils.py`, resize_image (as when validating) */
export function vcrCanvas(picture: RgbImage): VcrCanvas {
  const scale = Math.min(CANVAS_WIDTH / picture.width, CANVAS_HEIGHT / picture.height);
  const [width, height] = [roundHalfEven(picture.width * scale), roundHalfEven(picture.height * scale)];
  const { rgb } = scale === 1 ? picture : resizeBilinear(picture, width, height);
  const [left, top] = [Math.floor((CANVAS_WIDTH - width) / 2), Math.floor((CANVAS_HEIGHT - height) / 2)];
  const canvas = new Uint8Array(CANVAS_WIDTH * CANVAS_HEIGHT * 3);
  for (let y = 0; y < height; y++) {
    canvas.set(rgb.subarray(y * width * 3, (y + 1) * width * 3), ((y + top) * CANVAS_WIDTH + left) * 3);
  }
  return {
    image: { width: CANVAS_WIDTH, height: CANVAS_HEIGHT, rgb: canvas },
    window: [left, top, left + width, top + height],
    scale,
  };
}

/** Transforms a box of the picture to the canvas. @throws DataError naming `where` when it is empty or outside the canvas. */
export function boxOnCanvas(box: PixelBox, { scale, window }: VcrCanvas, where: string): PixelBox {
  const [left, top] = window;
  const [x1, y1, x2, y2] = [
    box[0] * scale + left,
    box[1] * scale + top,
    box[2] * scale + left,
    box[3] * scale + top,
  ] as const;
  if (x1 >= 0 && x1 < x2 && x2 <= CANVAS_WIDTH && y1 >= 0 && y1 < y2 && y2 <= CANVAS_HEIGHT) return [x1, y1, x2, y2];
  throw new DataError(
    `${where}: expected x1 < x2, y1 < y2 inside the picture, received [${box.join(', ')}]; check that the metadata are of this picture at this size`,
  );
}

/** Normalises bytes as in training: `(byte / 255 - mean) / deviation` in float32, as PyTorch rounds. */
export function normalised({ rgb }: RgbImage): Float32Array {
  const values = new Float32Array(rgb.length);
  for (let c = 0; c < 3; c++) {
    const [mean, deviation] = [MEAN[c] as number, DEVIATION[c] as number];
    const table = Float32Array.from({ length: 256 }, (_, byte) =>
      Math.fround(Math.fround(Math.fround(byte / 255) - mean) / deviation),
    );
    for (let i = c; i < rgb.length; i += 3) values[i] = table[rgb[i] as number] as number;
  }
  return values;
}
