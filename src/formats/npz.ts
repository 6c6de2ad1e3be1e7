// numpy's `.npz`: a zip of `.npy` arrays, stored or deflated.
import type { ByteSource } from '../byte-source.js';
import type { PickleValue } from './pickle/pickle-values.js';
import { readZipDirectory, type ZipEntry } from './zip/zip-reader.js';
import { DataError } from '../errors.js';
import { holdsObjects, type NumericArray, readNpy, readNpyHeader } from './npy.js';
import { readNpyObject } from './pickle/numpy-pickle.js';
import { readZipEntry } from './zip/zip-entry.js';

/** The arrays of a `.npz` by name, read on request. */
export interface NpzFile {
  names: readonly string[];
  get(name: string): Promise<NumericArray>;
  /** The Python object in an object array; null for an array of numbers. */
  getObject(name: string): Promise<PickleValue>;
}

/** Lists a `.npz`. @throws CheckpointError when it is not a zip archive. */
export async function openNpz(source: ByteSource): Promise<NpzFile> {
  const entries = new Map<string, ZipEntry>();
  for (const [file, entry] of await readZipDirectory(source, { allowDeflated: true }))
    entries.set(file.replace(/\.npy$/, ''), entry);
  const read = async (name: string): Promise<readonly [bytes: Uint8Array, where: string]> => {
    const entry = entries.get(name);
    if (entry === undefined)
      throw new DataError(`${source.name}: has no array "${name}", only ${[...entries.keys()].join(', ')}`);
    const where = `${source.name}, array "${name}"`;
    return [await readZipEntry(source, entry, where), where];
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
