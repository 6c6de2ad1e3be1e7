// Decodes pictures of any common format to 8-bit RGB: as shown on a screen, or with the exact values that Pillow reads.
import { lstat, readFile, stat } from 'node:fs/promises';
import type * as SharpModule from 'sharp';
import { DataError, errorMessage, systemMessage } from '../errors.js';
import { requirePictureKind } from './kind.js';
import type { RgbImage } from './rgb-image.js';
import { importSharp } from './sharp.js';
import { requireKinds } from '../options.js';

/** Larger than any film still, and small enough for memory. */
const MAX_PIXELS = 1 << 26;
/** Uncompressed size of MAX_PIXELS with four channels of 16 bits. */
const MAX_FILE_BYTES = MAX_PIXELS * 8;

/** Options of `decodePicture`. */
export interface DecodeOptions {
  /**
   * `shown` (default): rotated as the camera recorded, colors converted to sRGB, transparency over white. `stored`: the bytes of Pillow's
   * `Image.open(path).convert('RGB')`, which ignores rotation and color profile and drops transparency, as in the training of most
   * networks (for AVIF a byte may differ by one). 16 bits are cut to 8.
   */
  as?: 'shown' | 'stored';
  /** Larger pictures are rejected before decoding. Default 67 million. */
  maxPixels?: number;
}

/**
 * Decodes a JPEG, PNG, WebP, AVIF or TIFF picture, or the first frame of a GIF; grey and CMYK become RGB.
 * @param name the picture's name in errors.
 * @throws DataError when sharp is not installed, or the bytes are cut short, damaged, of another format or of more than `maxPixels`.
 * @example
 * const { width, height, rgb } = await decodePicture(await readFile('photo.jpg'), 'photo.jpg');
 */
export async function decodePicture(bytes: Uint8Array, name: string, options: DecodeOptions = {}): Promise<RgbImage> {
  requireKinds('decodePicture', { bytes: { bytes }, 'an object': { options } });
  const { as = 'shown', maxPixels = MAX_PIXELS } = options;
  requirePictureKind(bytes, name);
  const sharp = await importSharp(name);
  try {
    const isStored = as === 'stored';
    const open = (): SharpModule.Sharp =>
      sharp(bytes, { ignoreIcc: isStored, failOn: 'error', limitInputPixels: maxPixels });
    // The header alone, without sharp's limit: its error does not name the size.
    const { space, hasProfile, width: w, height: h } = await sharp(bytes, { limitInputPixels: false }).metadata();
    if (w * h > maxPixels)
      throw new DataError(`${w} x ${h} pixels, expected at most ${maxPixels} in all; make it smaller`);
    const isPlainCmyk = space === 'cmyk' && (isStored || hasProfile !== true);
    const upright = isStored ? open() : open().autoOrient();
    const colors = isPlainCmyk
      ? upright.pipelineColourspace('cmyk').toColourspace('cmyk')
      : upright.toColourspace('srgb');
    const { data, info } = await colors.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    if (isPlainCmyk) return { width, height, rgb: rgbOfCmyk(data) };
    return { width, height, rgb: channels === 3 ? new Uint8Array(data) : rgbOfRgba(data, isStored) };
  } catch (error) {
    throw new DataError(`${name}: could not be decoded: ${decodingProblem(error)}`);
  }
}

/** The message of a decoding error on one line, without the positions that libvips tried to read. */
function decodingProblem(error: unknown): string {
  const lines = errorMessage(error)
    .replaceAll(/source: bad seek to \d+/g, '')
    .split('\n');
  const parts = new Set(lines.map((line) => line.trim()).filter((line) => line !== ''));
  return [...parts].join(' ') || 'it is cut short';
}

/**
 * Reads and decodes a picture file.
 * @throws DataError when it is absent, and as `decodePicture` does.
 * @example
 * const { width, height, rgb } = await readPicture('photo.jpg'); // rgb: [height, width, 3]
 */
export async function readPicture(path: string, options: DecodeOptions = {}): Promise<RgbImage> {
  return decodePicture(await readPictureFile(path), path, options);
}

/** The bytes of a picture file. @throws DataError when it is absent, not a file, or larger than any picture. */
export async function readPictureFile(path: string): Promise<Uint8Array> {
  await requirePictureFile(path);
  return readFile(path).catch(noPicture(path));
}

/** Checks that a picture is a file. @throws DataError when it is absent, not a file, or larger than any picture. */
export async function requirePictureFile(path: string): Promise<void> {
  const stats = await stat(path).catch(async (error: NodeJS.ErrnoException) => {
    // a missing file and a link to one have the same code
    const isLink = error.code === 'ENOENT' && (await lstat(path).catch(() => null))?.isSymbolicLink() === true;
    return noPicture(path)(isLink ? new Error('a link that leads to no file; mend or remove it') : error);
  });
  if (!stats.isFile()) noPicture(path)(new Error('not a file; name a file'));
  if (stats.size > MAX_FILE_BYTES)
    noPicture(path)(new Error(`${stats.size} bytes, more than any picture has; make it smaller`));
}

function noPicture(path: string): (error: unknown) => never {
  return (error) => {
    throw new DataError(`${path}: expected a picture: ${systemMessage(error)}`);
  };
}

/** Drops transparency, or blends with white. */
function rgbOfRgba(rgba: Uint8Array, isDropped: boolean): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    const alpha = isDropped ? 1 : (rgba[from + 3] as number) / 255;
    for (let c = 0; c < 3; c++) rgb[to + c] = Math.round((rgba[from + c] as number) * alpha + 255 * (1 - alpha));
  }
  return rgb;
}

/** @see Pillow `libImaging/Convert.c`, cmyk2rgb: products of bytes over 255, rounded */
function rgbOfCmyk(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / 4) * 3);
  for (let from = 0, to = 0; from < cmyk.length; from += 4, to += 3) {
    const light = 255 - (cmyk[from + 3] as number);
    for (let c = 0; c < 3; c++) {
      const product = (cmyk[from + c] as number) * light + 128;
      rgb[to + c] = light - (((product >> 8) + product) >> 8);
    }
  }
  return rgb;
}
