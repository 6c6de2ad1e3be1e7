// Reads an entry of a zip archive, stored or deflated, and compares its checksum.
import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import type { ByteSource } from '../../byte-source.js';
import type { ZipEntry } from './zip-reader.js';
import { DataError, errorMessage } from '../../errors.js';

/** Larger than the features of any image or any picture; bounds the size of inflated entries. */
const MAX_ENTRY_BYTES = 1 << 30;

/** Reads an entry whole. @param where its name in errors. @throws DataError when it is damaged or larger than a gigabyte. */
export async function readZipEntry(source: ByteSource, entry: ZipEntry, where: string): Promise<Uint8Array> {
  if (Math.max(entry.size, entry.packedSize) > MAX_ENTRY_BYTES)
    throw new DataError(`${where}: its size is ${entry.size} bytes, more than any array or picture`);
  const packed = await source.read(entry.offset, entry.packedSize);
  const bytes = entry.isDeflated ? await inflate(packed, entry.size, where) : packed;
  if (crc32(bytes) !== entry.checksum) throw new DataError(`${where}: the checksum is wrong; the file is damaged`);
  return bytes;
}

async function inflate(packed: Uint8Array, size: number, where: string): Promise<Uint8Array> {
  try {
    const bytes = await promisify(inflateRaw)(packed, { maxOutputLength: Math.max(1, size) });
    if (bytes.byteLength === size) return bytes;
    throw new Error(`unpacks to ${bytes.byteLength} bytes instead of ${size}`);
  } catch (error) {
    throw new DataError(`${where}: ${errorMessage(error)}; the file is damaged`);
  }
}
