// Cells of a `.tsv` of region features: texts, whole numbers and base64 arrays.
import { DataError } from '../../errors.js';
import { decodeBase64 } from '../../formats/base64.js';

/** A base64 cell as little-endian float32. `expected` 0: any number of values. @throws DataError for another number, and for text that is not base64. */
export function floats(cell: string, expected: number, what: string, where: string): Float32Array {
  if (/^b['"]/.test(cell)) {
    throw new DataError(
      `${where}: its ${what} begin with ${cell.slice(0, 2)}, Python's notation for bytes, expected base64; write base64.b64encode(...).decode()`,
    );
  }
  const bytes = decodeBase64(cell, `${where}, ${what}`);
  if (bytes.byteLength % 4 !== 0 || (expected > 0 && bytes.byteLength !== expected * 4)) {
    const wanted = expected > 0 ? `${expected} float32 values` : 'float32 values';
    throw new DataError(
      `${where}: expected ${wanted} of ${what}, found ${bytes.byteLength} bytes; the file is cut short or of another width`,
    );
  }
  const values = new Float32Array(bytes.byteLength / 4);
  new Uint8Array(values.buffer).set(bytes);
  return values;
}

/** A cell as a whole number. @throws DataError for any other text. */
export function wholeNumber(cell: string | undefined, what: string, where: string): number {
  if (cell !== undefined && /^\d{1,9}$/.test(cell)) return Number(cell);
  throw new DataError(`${where}: expected a whole number as ${what}, found ${JSON.stringify(cell?.slice(0, 20))}`);
}

/** A line as text, one character per byte, which is enough for base64. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** A cell of `latin1` decoded as UTF-8, the encoding of ids written by Python and this package. */
export function asUtf8(cell: string): string {
  return Buffer.from(cell, 'latin1').toString('utf8');
}
