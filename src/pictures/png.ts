// Reads and writes PNG files as 8-bit RGB.
import { deflateSync } from 'node:zlib';
import { PNG } from 'pngjs';
import { crc32 } from '../formats/zip/crc32.js';
import { DataError, errorMessage } from '../errors.js';
import type { RgbImage } from './rgb-image.js';
import { requireKinds } from '../options.js';

/**
 * Reads a PNG of any color type; transparency is blended with white.
 * @param name the file's name in errors. @throws DataError when the bytes are not a complete PNG.
 * @example
 * const bytes = encodePng({ width: 2, height: 1, rgb: Uint8Array.of(255, 0, 0, 0, 0, 255) });
 * const { width, height, rgb } = decodePng(bytes); // 2, 1, [255, 0, 0, 0, 0, 255]
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

/**
 * Writes an RGB picture as an 8-bit PNG without row filters: several times faster than a general writer.
 * @see https://www.w3.org/TR/png-3/#5DataRep
 * @example
 * const bytes = encodePng({ width: 2, height: 1, rgb: Uint8Array.of(255, 0, 0, 0, 0, 255) }); // two pixels
 * decodePng(bytes).rgb; // Uint8Array [255, 0, 0, 0, 0, 255]
 */
export function encodePng(picture: RgbImage): Uint8Array {
  requireKinds('encodePng', { 'an object': { picture } });
  const { width, height, rgb } = picture;
  const rowBytes = width * 3;
  const rows = new Uint8Array(height * (rowBytes + 1)); // each row begins with its filter type: 0, none
  for (let y = 0; y < height; y++) rows.set(rgb.subarray(y * rowBytes, (y + 1) * rowBytes), y * (rowBytes + 1) + 1);
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]); // 8 bits per channel, RGB
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.of()),
  ]);
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Length, type, content, checksum of type and content. */
function chunk(type: string, content: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  checksum.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, checksum]);
}

function readRgba(bytes: Uint8Array, name: string): { width: number; height: number; data: Uint8Array } {
  try {
    return PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    throw new DataError(`${name}: expected a PNG file (${errorMessage(error)}); convert other formats to PNG first`);
  }
}
