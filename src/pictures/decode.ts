// Pictures of any usual format to plain 8-bit RGB, as Pillow reads them.
import type * as SharpModule from 'sharp';
import type { RgbImage } from './png.js';
import { DataError, errorMessage } from '../errors.js';

/** Larger than any film still, and small enough for memory. */
const MAX_PIXELS = 1 << 26;

/**
 * Reads a JPEG, PNG or WebP picture: the same bytes as Pillow's `Image.open(path).convert('RGB')`. Colour profiles and the rotation that
 * a camera noted are left alone, transparency is dropped, as there.
 * @throws DataError when sharp is not installed, or the file is absent, cut short, no picture, larger than 67 million pixels, or has
 * the colours of a printer.
 */
export async function readPicture(path: string): Promise<RgbImage> {
  const sharp = await importSharp(path);
  try {
    const picture = sharp(path, { ignoreIcc: true, failOn: 'truncated', limitInputPixels: MAX_PIXELS });
    const { space } = await picture.metadata();
    if (space === 'cmyk') throw new Error('it has the four colours of a printer; convert it to RGB');
    const { data, info } = await picture
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, rgb: new Uint8Array(data) };
  } catch (error) {
    throw new DataError(`${path}: expected a picture: ${errorMessage(error)}`);
  }
}

async function importSharp(path: string): Promise<typeof SharpModule.default> {
  try {
    return (await import('sharp')).default;
  } catch (error) {
    throw new DataError(
      `${path}: pictures are read by the package sharp, which is not installed here; run \`npm install sharp\` (${errorMessage(error)})`,
    );
  }
}
