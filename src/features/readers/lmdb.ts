// Region features in LMDB: a pickled dict per image, as MMF and VOLTA store them, or tensors of torch.save, as AllenNLP does.
import { basename, dirname, join } from 'node:path';
import { exists, isFolder, joinPath, openSource } from '#platform';
import { type ByteSource, bytesSource } from '../../byte-source.js';
import { DataError } from '../../errors.js';
import { type LmdbEntry, lmdbEntries } from '../../formats/lmdb.js';
import { readNumpyPickle } from '../../formats/pickle/numpy-pickle.js';
import { widthFoundSource } from '../indexed-source.js';
import { openedWith, type RegionFeatures, type RegionFeatureSource } from '../region-features.js';
import { arraysOfDict, type NamedArrays, regionsOfArrays } from '../named-arrays.js';
import { readTorchArrays } from './torch.js';

/** The file in an LMDB folder. */
export const LMDB_FILE = 'data.mdb';
/** MMF's list of all ids, which the tree contains anyway. */
const ID_LIST = 'keys';
/** No features of an image are larger. */
const MAX_VALUE_BYTES = 1 << 30;
/** First byte of a pickle since protocol 2. */
const PICKLE_MARK = 0x80;

/** The files in which AllenNLP keeps the features and boxes of the same images. */
export const ALLENNLP_FILES = { features: 'features', boxes: 'coordinates' };

/**
 * Opens an LMDB folder (`data.mdb` in it) or file. Its keys are image ids, after folders if there are any (`train/<image id>`); its
 * values dicts of numpy arrays and numbers, or tensors, whose boxes are in a second file next to it (`features`, `coordinates`). Only the
 * tree is read, then each image on request.
 * @throws DataError for other values, damaged files, and an image without the boxes that others have. Pickles are never executed.
 * @see https://github.com/facebookresearch/mmf/blob/v0.3.1/tools/scripts/features/lmdb_conversion.py
 * @see https://github.com/allenai/allennlp/blob/v2.10.1/allennlp/data/dataset_readers/vision_reader.py
 */
export async function openLmdbFeatures(path: string, dim?: number): Promise<RegionFeatureSource> {
  const file = (await isFolder(path)) ? joinPath(path, LMDB_FILE) : path;
  return openedWith(await openSource(file), async (source) => {
    const entries = await listEntries(source);
    const boxes = await openBoxes(file);
    const close = async (): Promise<void> => void (await Promise.all([source.close(), boxes?.close()]));
    return openedWith({ close }, async () => {
      const read = (row: number, width?: number): Promise<RegionFeatures> =>
        readRegions(source, entries[row] as LmdbEntry, boxes, width);
      const ids = entries.map(({ key }) => key.split('/').at(-1) ?? key);
      return widthFoundSource({ name: path, ids, read, close }, dim);
    });
  });
}

async function listEntries(source: ByteSource): Promise<LmdbEntry[]> {
  const entries: LmdbEntry[] = [];
  for await (const entry of lmdbEntries(source)) if (entry.key !== ID_LIST) entries.push(entry);
  return entries;
}

/** Named arrays by key, in the database next to that of the features. */
interface Boxes {
  read(key: string): Promise<NamedArrays>;
  close(): Promise<void>;
}

/** The database of boxes next to one of features; null where there is none. */
async function openBoxes(file: string): Promise<Boxes | null> {
  if (basename(file) !== ALLENNLP_FILES.features) return null;
  const path = join(dirname(file), ALLENNLP_FILES.boxes);
  if (!(await exists(path))) return null;
  return openedWith(await openSource(path), async (source) => {
    const entries = new Map((await listEntries(source)).map((entry) => [entry.key, entry]));
    return {
      read: async (key) => {
        const entry = entries.get(key);
        if (entry === undefined) throw new DataError(`${path}: has no boxes for image ${key}, which has features`);
        return readArrays(source, entry);
      },
      close: () => source.close(),
    };
  });
}

async function readRegions(
  source: ByteSource,
  entry: LmdbEntry,
  boxes: Boxes | null,
  dim?: number,
): Promise<RegionFeatures> {
  const arrays = await readArrays(source, entry);
  const where = `${source.name}, image ${entry.key}`;
  if (boxes === null) return regionsOfArrays(arrays, where, dim);
  const stored = await boxes.read(entry.key);
  return regionsOfArrays(
    {
      names: [...arrays.names, 'boxes'],
      get: (name) => (name === 'boxes' ? stored.get(stored.names[0] ?? '') : arrays.get(name)),
    },
    where,
    dim,
  );
}

async function readArrays(source: ByteSource, { key, offset, length }: LmdbEntry): Promise<NamedArrays> {
  const where = `${source.name}, image ${key}`;
  if (length > MAX_VALUE_BYTES) throw new DataError(`${where}: ${length} bytes, more than the features of any image`);
  const bytes = await source.read(offset, length);
  const torch = await readTorchArrays(bytesSource(bytes, where));
  if (torch !== null) return torch;
  const value = bytes[0] === PICKLE_MARK ? readNumpyPickle(bytes, where) : null;
  if (value instanceof Map) return arraysOfDict(value, where);
  throw new DataError(`${where}: expected a pickled dict, as MMF stores features, or a tensor of torch.save`);
}
