// Region features in one file for each image: `.npy`, `.npz` or `.pt`, in the layouts that the authors, MMF, openvqa and bottom-up attention write.
import { readdir, readFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { openSource } from '#platform';
import type { ByteSource } from '../byte-source.js';
import { DataError } from '../errors.js';
import { decodeArray, holdsObjects, readNpyHeader } from '../formats/npy.js';
import { openNpz } from '../formats/npz.js';
import { readNpyObject } from '../formats/numpy-pickle.js';
import { widthFoundSource } from './indexed-source.js';
import type { RegionFeatures, RegionFeatureSource } from './region-features.js';
import { recordOfDict, regionRows, type RegionRecord, regionsOfRecord } from './named-arrays.js';
import { readTorchRecord } from './torch.js';

const FEATURE_FILE = /\.(?:np[yz]|pth?)$/;
/** Beside `<image id>.npy`, MMF keeps boxes and image size in a pickled dict. */
const INFO_ENDING = '_info.npy';

/** Whether a file name looks like the features of one image. */
export function isFeatureFile(name: string): boolean {
  return FEATURE_FILE.test(name) && !name.endsWith(INFO_ENDING);
}

/**
 * Opens a folder (and those inside it) of one file for each image, `<image id>.npy` and so on. `.npy`: `[regions, d]`, a grid whose cells
 * become regions, or a dict; boxes and image size in an `<image id>_info.npy` beside it. `.npz`, `.pt`, `.pth`: the features under a usual
 * name, with boxes and image size if there.
 * @throws DataError when the folder holds no such file; when reading, for arrays of another shape or width.
 */
export async function openFolderFeatures(folder: string): Promise<RegionFeatureSource> {
  const names = await readdir(folder, { recursive: true });
  const files = names.filter(isFeatureFile).sort();
  const infos = new Set(names.filter((name) => name.endsWith(INFO_ENDING)).map((name) => join(folder, name)));
  if (files.length === 0)
    throw new DataError(`${folder}: holds no .npy, .npz or .pt file; one for each image is expected, named by its id`);
  return widthFoundSource({
    name: folder,
    ids: files.map(idOf),
    read: (row) => readFeatureFile(join(folder, files[row] ?? ''), infos),
  });
}

function idOf(file: string): string {
  const name = file.split(sep).at(-1) ?? file;
  return name.replace(FEATURE_FILE, '').replace(/\.(?:jpe?g|png)$/i, '');
}

async function readFeatureFile(path: string, infos: ReadonlySet<string>): Promise<RegionFeatures> {
  if (path.endsWith('.npy')) return readNpyRegions(path, path.replace(/\.npy$/, INFO_ENDING), infos);
  const source = await openSource(path);
  try {
    const record = await (path.endsWith('.npz') ? openNpz(source) : requireTorchRecord(source));
    return await regionsOfRecord(record, path);
  } finally {
    await source.close();
  }
}

async function requireTorchRecord(source: ByteSource): Promise<RegionRecord> {
  const record = await readTorchRecord(source);
  if (record === null) throw new DataError(`${source.name}: expected a file that torch.save wrote`);
  return record;
}

async function readNpyRegions(path: string, infoPath: string, infos: ReadonlySet<string>): Promise<RegionFeatures> {
  const bytes = await readFile(path);
  const header = readNpyHeader(bytes, path);
  if (holdsObjects(header)) return regionsOfRecord(npyDict(bytes, path), path);
  const features = decodeArray(header, bytes.subarray(header.dataOffset), path);
  if (!infos.has(infoPath)) return regionRows(features, path);
  const { names, get } = npyDict(await readFile(infoPath), infoPath);
  const record = { names: ['features', ...names], get: (name: string) => (name === 'features' ? features : get(name)) };
  return regionsOfRecord(record, path);
}

function npyDict(bytes: Uint8Array, path: string): RegionRecord {
  const value = readNpyObject(bytes, path);
  if (value instanceof Map) return recordOfDict(value, path);
  throw new DataError(`${path}: expected one Python dict, saved with numpy.save(path, { ... })`);
}
