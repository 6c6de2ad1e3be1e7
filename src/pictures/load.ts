// Loads a picture from a path, an address, or the bytes of a file.
import { fileURLToPath } from 'node:url';
import { isUrl, openSource, shortAddress } from '#platform';
import { DataError, errorMessage } from '../errors.js';
import { type DecodeOptions, decodePicture, MAX_FILE_BYTES, readPicture } from './decode.js';
import type { RgbImage } from './rgb-image.js';

/**
 * Reads and decodes a picture: a file's path, an address (http, https, data, file), or bytes.
 * @throws DataError when it does not exist, and as `decodePicture` does.
 */
export async function loadPicture(picture: string | URL | Uint8Array, options: DecodeOptions = {}): Promise<RgbImage> {
  if (ArrayBuffer.isView(picture)) return decodePicture(picture, `picture of ${picture.byteLength} bytes`, options);
  const where = String(picture);
  if (where.startsWith('file:')) return readPicture(fileURLToPath(where), options);
  if (!isUrl(where)) return readPicture(where, options);
  return decodePicture(await downloadPicture(where), shortAddress(where), options);
}

async function downloadPicture(url: string): Promise<Uint8Array> {
  const fail = (message: string): DataError => new DataError(`${shortAddress(url)}: expected a picture: ${message}`);
  const source = await openSource(url).catch((error: unknown) => {
    throw fail(errorMessage(error));
  });
  try {
    if (source.size > MAX_FILE_BYTES) throw fail(`${source.size} bytes, more than any picture has`);
    return await source.read(0, source.size);
  } finally {
    await source.close();
  }
}
