// Errors of Arrow files.
import type { ByteSource } from '../../byte-source.js';
import { DataError } from '../../errors.js';

/** The error of a file that contradicts itself. */
export function damaged(source: ByteSource, what: string): DataError {
  return new DataError(`${source.name}: ${what}; the Arrow file is damaged or cut short`);
}

/** The result of `read` on metadata; reading out of bounds becomes an error that names the file. */
export function checked<T>(source: ByteSource, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) throw damaged(source, `its metadata (${error.message})`);
    throw error;
  }
}
