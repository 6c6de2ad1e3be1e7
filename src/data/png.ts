// PNG files to and from plain 8-bit RGB.
import { PNG } from 'pngjs';
import { DataError, errorMessage } from '../errors.js';

/** A picture: `rgb` holds height x width x 3 bytes, row by row. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}

/**
 * Reads a PNG of any colour type; transparency is laid over white.
 * @param name what errors call the file. @throws DataError when the bytes are no whole PNG.
 */
export function decodePng(bytes: Uint8Array, name = 'picture'): RgbImage {
  const { width, height, data } = readRgba(bytes, name);
  const rgb = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const alpha = (data[pixel * 4 + 3] as number) / 255;
    for (let c = 0; c < 3; c++) {
      rgb[pixel * 3 + c] = Math.round((data[pixel * 4 + c] as number) * alpha + 255 * (1 - alpha));
    }
  }
  return { width, height, rgb };
}

/** Writes an RGB picture as an 8-bit PNG. */
export function encodePng({ width, height, rgb }: RgbImage): Uint8Array {
  const png = new PNG({ width, height, colorType: 2 });
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let c = 0; c < 3; c++) png.data[pixel * 4 + c] = rgb[pixel * 3 + c] as number;
    png.data[pixel * 4 + 3] = 255;
  }
  return PNG.sync.write(png, { colorType: 2, filterType: 1, deflateLevel: 6 });
}

function readRgba(bytes: Uint8Array, name: string): { width: number; height: number; data: Uint8Array } {
  try {
    return PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    throw new DataError(`${name}: expected a PNG file (${errorMessage(error)}); convert other formats to PNG first`);
  }
}
