// Region features in LMDB: a pickled dict for each image, as MMF and VOLTA store them, or what torch.save wrote, as AllenNLP does.
import { isFolder, joinPath, openSource } from '#platform';
import type { ByteSource } from '../byte-source.js';
import { bytesSource } from '../byte-source.js';
import { DataError } from '../errors.js';
import { type LmdbEntry, lmdbEntries } from './lmdb.js';
import { readNumpyPickle } from './numpy-pickle.js';
import { indexedSource, openedWith, type RegionFeatures, type RegionFeatureSource } from './region-features.js';
import { recordOfDict, regionsOfRecord } from './region-record.js';
import { readTorchRecord } from './torch-record.js';

/** The file in an LMDB folder. */
export const LMDB_FILE = 'data.mdb';
/** MMF's list of all ids, which the tree gives anyhow. */
const ID_LIST = 'keys';
/** No features of an image are larger. */
const MAX_VALUE_BYTES = 1 << 30;
/** Pickles begin so since protocol 2. */
const PICKLE_MARK = 0x80;

/**
 * Opens an LMDB folder (`data.mdb` in it) or file. Its keys are image ids, after folders if there are any (`train/<image id>`); its
 * values dicts of numpy arrays and numbers, or tensors. Only the tree is read, then each image by itself.
 * @throws DataError for other values, and damaged files. Nothing of a pickle is run.
 * @see https://github.com/facebookresearch/mmf/blob/v0.3.1/tools/scripts/features/lmdb_conversion.py
 */
export async function openLmdbFeatures(path: string): Promise<RegionFeatureSource> {
  const file = (await isFolder(path)) ? joinPath(path, LMDB_FILE) : path;
  return openedWith(await openSource(file), async (source) => {
    const entries: LmdbEntry[] = [];
    for await (const entry of lmdbEntries(source)) if (entry.key !== ID_LIST) entries.push(entry);
    const [first] = entries;
    if (first === undefined) throw new DataError(`${path}: holds no images`);
    const { dim } = await readValue(source, first);
    return indexedSource({
      name: path,
      dim,
      ids: entries.map(({ key }) => key.split('/').at(-1) ?? key),
      read: (row) => readValue(source, entries[row] as LmdbEntry),
      close: () => source.close(),
    });
  });
}

async function readValue(source: ByteSource, { key, offset, length }: LmdbEntry): Promise<RegionFeatures> {
  const where = `${source.name}, image ${key}`;
  if (length > MAX_VALUE_BYTES) throw new DataError(`${where}: ${length} bytes, more than the features of any image`);
  const bytes = await source.read(offset, length);
  const torch = await readTorchRecord(bytesSource(bytes, where));
  if (torch !== null) return regionsOfRecord(torch, where);
  const value = bytes[0] === PICKLE_MARK ? readNumpyPickle(bytes, where) : null;
  if (value instanceof Map) return regionsOfRecord(recordOfDict(value, where), where);
  throw new DataError(`${where}: expected a pickled dict, as MMF stores features, or a tensor of torch.save`);
}
