// Loads a picture from a path, an address, or the bytes of a file; as pixels, or for a page.
import { fileURLToPath } from 'node:url';
import { isUrl, shortAddress } from '#platform';
import { DataError, errorMessage } from '../errors.js';
import { hasScheme } from '../platform/addresses.js';
import { fetchSmallFile } from '../platform/small-file.js';
import { pictureUrl } from '../html/picture-url.js';
import { type DecodeOptions, decodePicture, readPicture, readPictureFile, requirePictureFile } from './decode.js';
import { requirePictureKind } from './kind.js';
import type { RgbImage } from './rgb-image.js';
import { importSharp } from './sharp.js';

/** Larger than the photographs on web pages; a server that sends more is not believed. */
const MAX_DOWNLOAD_BYTES = 64 << 20;

/**
 * Reads and decodes a picture: a file's path, an address (http, https, data, file), or bytes.
 * @throws DataError when it does not exist, cannot be downloaded (at most 64 MiB, at least 64 KiB every 30 s, within 5 minutes), and as `decodePicture` does.
 */
export async function loadPicture(
  picture: string | URL | Uint8Array | ArrayBuffer | Blob,
  options: DecodeOptions = {},
): Promise<RgbImage> {
  if (picture instanceof Blob) return loadPicture(await picture.arrayBuffer(), options);
  if (picture instanceof ArrayBuffer) return loadPicture(new Uint8Array(picture), options);
  if (ArrayBuffer.isView(picture)) return decodePicture(picture, `picture of ${picture.byteLength} bytes`, options);
  const where = String(picture);
  if (!isUrl(where)) return readPicture(pathOf(where), options);
  return decodePicture(await downloadPicture(where), shortAddress(where), options);
}

/**
 * A picture as a data URL for a page: as it is where browsers show its format, else (AVIF, TIFF) as JPEG.
 * @param picture a file's path or an address
 * @throws DataError as `loadPicture` does
 */
export async function loadPictureUrl(picture: string): Promise<string> {
  const isAddress = isUrl(picture);
  const bytes = isAddress ? await downloadPicture(picture) : await readPictureFile(pathOf(picture));
  const name = shortAddress(picture);
  const kind = requirePictureKind(bytes, name);
  if (kind !== 'avif' && kind !== 'tiff') return pictureUrl(bytes, name);
  const sharp = await importSharp(name);
  const shown = sharp(bytes).autoOrient().flatten({ background: 'white' }).toColourspace('srgb');
  const jpeg = await shown
    .jpeg({ quality: 90 })
    .toBuffer()
    .catch((error: unknown) => {
      throw new DataError(`${name}: could not be decoded: ${errorMessage(error)}`);
    });
  return pictureUrl(jpeg, name);
}

/**
 * Checks before long work that a picture is there, where it is a file, and that pictures can be decoded.
 * @throws DataError as `loadPicture` does
 */
export async function requirePicture(picture: string | URL | Uint8Array | ArrayBuffer | Blob): Promise<void> {
  const isPlace = typeof picture === 'string' || picture instanceof URL;
  const where = isPlace ? String(picture) : null;
  if (where !== null && !isUrl(where)) await requirePictureFile(pathOf(where));
  await importSharp(where === null ? 'picture' : shortAddress(where));
}

/** The path of a picture that is not downloaded. @throws DataError for an address of another scheme */
function pathOf(where: string): string {
  if (where.startsWith('file:')) return fileURLToPath(where);
  if (!hasScheme(where)) return where;
  throw new DataError(
    `${where}: expected a picture: a path, or an address that begins with http:, https:, data: or file:; download it and give its path`,
  );
}

async function downloadPicture(url: string): Promise<Uint8Array> {
  return fetchSmallFile(url, { maxBytes: MAX_DOWNLOAD_BYTES }).catch((error: unknown) => {
    throw new DataError(`${shortAddress(url)}: expected a picture: ${errorMessage(error)}`);
  });
}
