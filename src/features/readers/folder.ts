// Region features in one file per image: `.npy`, `.npz` or `.pt`, in the layouts that the authors, MMF, openvqa and bottom-up attention write.
import { readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { openSource } from '#platform';
import { readWhole } from '../../platform/files.js';
import type { ByteSource } from '../../byte-source.js';
import { DataError } from '../../errors.js';
import { decodeArray, holdsObjects, readNpyHeader } from '../../formats/npy.js';
import { openNpz } from '../../formats/npz.js';
import { readNpyObject } from '../../formats/pickle/numpy-pickle.js';
import { widthFoundSource } from '../indexed-source.js';
import type { RegionFeatures, RegionFeatureSource } from '../region-features.js';
import { arraysOfDict, type NamedArrays, regionsOfArrays } from '../named-arrays.js';
import { readTorchArrays } from './torch.js';

const FEATURE_FILE = /\.(?:np[yz]|pth?)$/;
/** The name of a file's only array. */
const ALONE = 'features';
/** A pickled dict of sizes and counts in a `.npz`. */
const INFO = 'info';
/** Next to `<image id>.npy`, MMF stores boxes and image size in a pickled dict. */
const INFO_ENDING = '_info.npy';

/** Whether a file name looks like the features of one image. */
export function isFeatureFile(name: string): boolean {
  return FEATURE_FILE.test(name) && !name.endsWith(INFO_ENDING);
}

/**
 * Opens a folder (and those inside it) of one file per image, `<image id>.npy` and so on. `.npy`: `[regions, d]`, a grid whose cells
 * become regions, or a dict; with boxes and image size in `<image id>_info.npy`. `.npz`, `.pt`, `.pth`: the features under a usual
 * name, with boxes and image size if present.
 * @throws DataError when the folder holds no such file; when reading, for arrays of another shape or width.
 */
export async function openFolderFeatures(folder: string, dim?: number): Promise<RegionFeatureSource> {
  const names = await readdir(folder, { recursive: true });
  const files = names.filter(isFeatureFile).sort();
  const infos = new Set(names.filter((name) => name.endsWith(INFO_ENDING)).map((name) => join(folder, name)));
  if (files.length === 0)
    throw new DataError(`${folder}: holds no .npy, .npz or .pt file; one for each image is expected, named by its id`);
  const read = (row: number, width?: number): Promise<RegionFeatures> =>
    readFeatureFile(join(folder, files[row] ?? ''), infos, width);
  return widthFoundSource({ name: `features folder ${folder}`, ids: files.map(idOf), read }, dim);
}

function idOf(file: string): string {
  const name = file.split(sep).at(-1) ?? file;
  return name.replace(FEATURE_FILE, '').replace(/\.(?:jpe?g|png)$/i, '');
}

async function readFeatureFile(path: string, infos: ReadonlySet<string>, dim?: number): Promise<RegionFeatures> {
  if (path.endsWith('.npy')) return regionsOfArrays(await npyArrays(path, infos), path, dim);
  const source = await openSource(path);
  try {
    const arrays = await (path.endsWith('.npz') ? npzArrays(source) : requireTorchArrays(source));
    return await regionsOfArrays(arrays, path, dim);
  } finally {
    await source.close();
  }
}

async function requireTorchArrays(source: ByteSource): Promise<NamedArrays> {
  const arrays = await readTorchArrays(source);
  if (arrays === null) throw new DataError(`${source.name}: expected a file that torch.save wrote`);
  return arrays;
}

/** The arrays of a `.npz`; those of a pickled dict `info` in it count as its own. */
async function npzArrays(source: ByteSource): Promise<NamedArrays> {
  const { names, get, getObject } = await openNpz(source);
  const info = names.includes(INFO) ? await getObject(INFO) : null;
  return info instanceof Map ? joined({ names, get }, arraysOfDict(info, `${source.name}, ${INFO}`)) : { names, get };
}

/** The array of a `.npy` with its info file, or the dict that it holds. */
async function npyArrays(path: string, infos: ReadonlySet<string>): Promise<NamedArrays> {
  const bytes = await readWhole(path);
  const header = readNpyHeader(bytes, path);
  if (holdsObjects(header)) return npyDict(bytes, path);
  const features = decodeArray(header, bytes.subarray(header.dataOffset), path);
  const arrays = { names: [ALONE], get: () => features };
  const infoPath = path.replace(/\.npy$/, INFO_ENDING);
  return infos.has(infoPath) ? joined(arrays, npyDict(await readWhole(infoPath), infoPath)) : arrays;
}

function npyDict(bytes: Uint8Array, path: string): NamedArrays {
  const value = readNpyObject(bytes, path);
  if (value instanceof Map) return arraysOfDict(value, path);
  throw new DataError(`${path}: expected one Python dict, saved with numpy.save(path, { ... })`);
}

/** Arrays of two files; the first file's where both have a name. */
function joined(first: NamedArrays, second: NamedArrays): NamedArrays {
  return {
    names: [...first.names, ...second.names],
    get: (name) => (first.names.includes(name) ? first : second).get(name),
  };
}
