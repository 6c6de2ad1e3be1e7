// Base64 of arrays. Node's decoder skips invalid characters, which would shift all following values.
import { DataError } from '../errors.js';

/** Padding at the end of base64. */
const FILLING = /=*$/;

/**
 * The bytes of base64 text; line ends in it, which Python's `encodebytes` writes, are skipped.
 * @throws DataError when it holds characters that are not base64.
 */
export function decodeBase64(text: string, where: string): Buffer {
  const joined = text.includes('\n') ? text.replace(/\r?\n/g, '') : text;
  const bytes = Buffer.from(joined, 'base64');
  const length = joined.length - (FILLING.exec(joined.slice(-2))?.[0].length ?? 0);
  if (bytes.byteLength === Math.floor((length * 3) / 4)) return bytes;
  throw new DataError(
    `${where}: expected base64, found ${JSON.stringify(joined.slice(0, 20))} ...; the file is damaged`,
  );
}
