// Prepares pictures for a detector: resized as in training, in BGR order, normalised, and padded to one size.
import { resizeLinear } from '../../pictures/resize-linear.js';
import type { RgbImage } from '../../pictures/rgb-image.js';
import { resizeBilinear } from '../../pictures/resize.js';
import { roundHalfEven } from '../round-half-even.js';
import type { DetectorConfig, InputConfig } from './config.js';

/** A resized picture. */
export interface PreparedPicture {
  width: number;
  height: number;
  /** `[height, width, 3]`: blue, green, red, normalised. */
  pixels: Float32Array;
  /** Size of the original picture over this one's. */
  scale: { x: number; y: number };
}

/** Pictures padded to one size. */
export interface PictureBatch {
  /** `[b, h, w, 3]` */
  shape: [number, number, number, number];
  pixels: Float32Array;
  /** Rows and columns that the detector uses: h and w, or fewer with padding to a common shape. */
  size: [number, number];
  /** `[b, 2]`: height and width at which the boxes of each end. */
  sizes: Float32Array;
}

/** Smallest side of which the pooling and the stages leave a pixel. */
const MIN_SIDE = 16;
/** Common shapes: multiples of the shorter and of the longer side. */
const COMMON_MULTIPLES = [32, 64] as const;

/** Resizes and normalises a picture. */
export function preparePicture(image: RgbImage, { input }: DetectorConfig): PreparedPicture {
  const { width, height, factor } = resizedSize(image, input);
  const rgb = resizedPixels(image, width, height, factor, input);
  const pixels = new Float32Array(rgb.length);
  for (let c = 0; c < 3; c++) {
    const [mean, deviation] = [Math.fround(input.mean[c] as number), Math.fround(input.deviation[c] as number)];
    for (let i = c; i < pixels.length; i += 3) {
      pixels[i] = Math.fround((rgb[i + 2 - 2 * c] as number) - mean) / deviation;
    }
  }
  const scale =
    input.resize === 'opencv' ? { x: 1 / factor, y: 1 / factor } : { x: image.width / width, y: image.height / height };
  return { width, height, pixels, scale };
}

/** Pads pictures to one size with zeros on the right and at the bottom. @param shapes `few`: pads more, so that many sizes share one shape. */
export function batchPictures(
  pictures: readonly PreparedPicture[],
  { input: { multipleOf }, clipTo }: DetectorConfig,
  shapes: 'exact' | 'few' = 'exact',
): PictureBatch {
  const least = (side: 'width' | 'height'): number => Math.max(...pictures.map((picture) => picture[side]));
  const size: [number, number] = [multiple(least('height'), multipleOf), multiple(least('width'), multipleOf)];
  const [height, width] = shapes === 'few' ? commonShape(size) : size;
  const pixels = new Float32Array(pictures.length * height * width * 3);
  pictures.forEach((picture, i) => {
    const rowLength = picture.width * 3;
    for (let y = 0; y < picture.height; y++) {
      pixels.set(picture.pixels.subarray(y * rowLength, (y + 1) * rowLength), (i * height + y) * width * 3);
    }
  });
  // Differs: a picture's boxes are clipped to its own padding, not to that of the batch.
  const end = (size: number): number => (clipTo === 'padded' ? multiple(size, multipleOf) : size);
  const sizes = Float32Array.from(pictures.flatMap((picture) => [end(picture.height), end(picture.width)]));
  return { shape: [pictures.length, height, width, 3], pixels, size, sizes };
}

/** The shorter side is nearly always `input.size`; the longer one varies. */
function commonShape([height, width]: [number, number]): [number, number] {
  const [shorter, longer] = COMMON_MULTIPLES;
  return [multiple(height, height <= width ? shorter : longer), multiple(width, height <= width ? longer : shorter)];
}

/** Differs: pictures smaller than a pixel of the map are padded; the originals fail. */
function multiple(size: number, of: number): number {
  return Math.ceil(Math.max(size, MIN_SIDE) / of) * of;
}

/**
 * The shorter side becomes `size`, the longer one at most `maxSize`; both at least one pixel.
 * @see detectron2 `ResizeShortestEdge`; Detectron `blob.py`, prep_im_for_blob
 */
function resizedSize(
  { width, height }: RgbImage,
  { size, maxSize, resize }: InputConfig,
): { width: number; height: number; factor: number } {
  const [shorter, longer] = [Math.min(width, height), Math.max(width, height)];
  if (resize === 'opencv') {
    const asked = size / shorter;
    const factor = roundHalfEven(asked * longer) > maxSize ? maxSize / longer : asked;
    const side = (length: number): number => Math.max(1, roundHalfEven(length * factor));
    return { width: side(width), height: side(height), factor };
  }
  const asked = size / shorter;
  const wanted = {
    width: width === shorter ? size : asked * width,
    height: height === shorter ? size : asked * height,
  };
  const most = Math.max(wanted.width, wanted.height);
  const factor = most > maxSize ? maxSize / most : 1;
  const side = (length: number): number => Math.max(1, Math.floor(length * factor + 0.5));
  return { width: side(wanted.width), height: side(wanted.height), factor: asked * factor };
}

function resizedPixels(
  image: RgbImage,
  width: number,
  height: number,
  factor: number,
  { resize }: InputConfig,
): ArrayLike<number> {
  if (resize === 'pillow') return resizeBilinear(image, width, height).rgb;
  if (resize === 'torch') return resizeLinear(image, { width, height, rule: 'torch' });
  return resizeLinear(image, { width, height, rule: 'opencv', scale: 1 / factor });
}
