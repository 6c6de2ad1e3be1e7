// numpy's `.npz`: a zip of `.npy` arrays, stored or deflated.
import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import type { ByteSource } from '../byte-source.js';
import type { PickleValue } from '../checkpoint/pickle.js';
import { readZipDirectory, type ZipEntry } from '../checkpoint/zip-reader.js';
import { DataError, errorMessage } from '../errors.js';
import { holdsObjects, type NumericArray, readNpy, readNpyHeader } from './npy.js';
import { readNpyObject } from './numpy-pickle.js';

/** Larger than the features of any image; bounds what a deflated entry may grow to. */
const MAX_ARRAY_BYTES = 1 << 30;

/** The arrays of a `.npz` by name, read when asked for. */
export interface NpzFile {
  names: readonly string[];
  get(name: string): Promise<NumericArray>;
  /** The one Python object that an array without numbers holds; null for an array of numbers. */
  getObject(name: string): Promise<PickleValue>;
}

/** Lists a `.npz`. @throws CheckpointError when it is no zip archive. */
export async function openNpz(source: ByteSource): Promise<NpzFile> {
  const entries = new Map<string, ZipEntry>();
  for (const [file, entry] of await readZipDirectory(source, { allowDeflated: true }))
    entries.set(file.replace(/\.npy$/, ''), entry);
  const read = async (name: string): Promise<readonly [bytes: Uint8Array, where: string]> => {
    const entry = entries.get(name);
    if (entry === undefined)
      throw new DataError(`${source.name}: has no array "${name}", only ${[...entries.keys()].join(', ')}`);
    const where = `${source.name}, array "${name}"`;
    const packed = await source.read(entry.position, entry.packedSize);
    const bytes = entry.isDeflated ? await inflate(packed, entry.size, where) : packed;
    if (crc32(bytes) !== entry.checksum) throw new DataError(`${where}: the checksum is wrong; the file is damaged`);
    return [bytes, where];
  };
  return {
    names: [...entries.keys()],
    get: async (name) => readNpy(...(await read(name))),
    getObject: async (name) => {
      const [bytes, where] = await read(name);
      return holdsObjects(readNpyHeader(bytes, where)) ? readNpyObject(bytes, where) : null;
    },
  };
}

async function inflate(packed: Uint8Array, size: number, where: string): Promise<Uint8Array> {
  if (size > MAX_ARRAY_BYTES)
    throw new DataError(`${where}: claims ${size} bytes, more than the features of any image`);
  try {
    const bytes = await promisify(inflateRaw)(packed, { maxOutputLength: Math.max(1, size) });
    if (bytes.byteLength === size) return bytes;
    throw new Error(`unpacks to ${bytes.byteLength} bytes instead of ${size}`);
  } catch (error) {
    throw new DataError(`${where}: ${errorMessage(error)}; the file is damaged`);
  }
}
