// Opens region features in any format: the only file that imports all readers.
import { readdir } from 'node:fs/promises';
import { z } from 'zod';
import { exists, isFolder, joinPath, openSource } from '#platform';
import { DataError } from '../errors.js';
import { isArrow } from '../formats/arrow/messages.js';
import { openArrowFeatures } from './readers/arrow.js';
import { STORE_EXTENSION } from './store/layout.js';
import { openFeatureStore } from './store/read.js';
import { isFeatureFile, openFolderFeatures } from './readers/folder.js';
import { isHdf5 } from '../formats/hdf5.js';
import { openHdf5Features } from './readers/hdf5.js';
import { PICTURE_FEATURE_DEFAULTS, PICTURE_FEATURE_OPTIONS, type PictureFeatureOptions } from './pixel-options.js';
import { openPictureFeatures } from './readers/pictures.js';
import { isLmdb } from '../formats/lmdb.js';
import { ALLENNLP_FILES, LMDB_FILE, openLmdbFeatures } from './readers/lmdb.js';
import type { RegionFeatureSource } from './region-features.js';
import { joinSources } from './wrappers.js';
import { openTensorFileFeatures } from './readers/tensor-file.js';
import { openTsvFeatures } from './readers/tsv.js';
import { parseOptions, requirePaths, wholeNumber } from '../options.js';
import { firstOf } from '../words.js';

/** Options of `openRegionFeatures`. */
export interface OpenFeatureOptions extends Partial<PictureFeatureOptions> {
  /** The width that the model reads, its `visualEmbeddingDim`: it distinguishes grids `[h, w, d]` and `[d, h, w]` where their shape does not. */
  dim?: number;
}

const schema = z
  .strictObject(PICTURE_FEATURE_OPTIONS)
  .partial()
  .extend({ dim: wholeNumber(1).optional() });

type Open = (path: string, dim?: number) => Promise<RegionFeatureSource>;

const ARROW_FILE = /\.(?:arrow|feather)$/;

/** Files recognised by their ending. */
const BY_ENDING: readonly [ending: RegExp, open: Open][] = [
  [/\.tsv$/, openTsvFeatures],
  [/\.vbf$/, openFeatureStore],
  [/\.(?:safetensors|pth?)$/, openTensorFileFeatures],
  [ARROW_FILE, openArrowFeatures],
];

/** Files recognised by their first bytes, whatever their name. */
const BY_HEAD: readonly [is: (head: Uint8Array) => boolean, open: Open][] = [
  [isHdf5, openHdf5Features],
  [isLmdb, openLmdbFeatures],
  [isArrow, openArrowFeatures],
];
const HEAD_BYTES = 64;

const EXPECTED =
  `a .tsv, .safetensors, .pt, .arrow, LMDB or HDF5 file, a ${STORE_EXTENSION} store, an LMDB folder, ` +
  'or a folder of .npy, .npz, .pt, .arrow or .png files';

/**
 * Opens the region features of one or several paths as one source, in any format of `docs/data.md`, recognised by the ending of a file, its
 * first bytes, or what a folder holds.
 * @throws DataError when a path is absent or of no known format, or the widths differ.
 * @example
 * const source = await openRegionFeatures('features.vbf');
 * const { features, count, dim } = await source.read('1'); // [count, dim] float32
 * await source.close();
 */
export async function openRegionFeatures(
  paths: string | readonly string[],
  options: OpenFeatureOptions = {},
): Promise<RegionFeatureSource> {
  parseOptions('openRegionFeatures', schema, options);
  const all = requirePaths('openRegionFeatures', paths);
  const sources: RegionFeatureSource[] = [];
  try {
    for (const path of all) {
      const dim = options.dim ?? sources[0]?.dim; // all paths have the same width
      sources.push(await openOne(path, dim === undefined ? options : { ...options, dim }));
    }
    return joinSources(sources);
  } catch (error) {
    await Promise.all(sources.map((source) => source.close()));
    throw error;
  }
}

async function openOne(path: string, options: OpenFeatureOptions): Promise<RegionFeatureSource> {
  if (!(await exists(path))) throw new DataError(`${path}: no such file or folder of region features`);
  if (await isFolder(path)) return openFolder(path, options);
  const byEnding = BY_ENDING.find(([ending]) => ending.test(path));
  if (byEnding !== undefined) return byEnding[1](path, options.dim);
  const head = await headOf(path);
  const byHead = BY_HEAD.find(([is]) => is(head));
  if (byHead !== undefined) return byHead[1](path, options.dim);
  throw new DataError(`${path}: expected region features as ${EXPECTED}`);
}

async function openFolder(path: string, options: OpenFeatureOptions): Promise<RegionFeatureSource> {
  const names = await readdir(path, { recursive: true });
  if (names.includes(LMDB_FILE)) return openLmdbFeatures(path, options.dim);
  if (names.includes(ALLENNLP_FILES.features) && names.includes(ALLENNLP_FILES.boxes))
    return openOne(joinPath(path, ALLENNLP_FILES.features), options);
  if (names.some(isFeatureFile)) return openFolderFeatures(path, options.dim);
  const tables = names.filter((name) => ARROW_FILE.test(name)).sort(); // the parts of one table
  if (tables.length > 0)
    return openRegionFeatures(
      tables.map((name) => joinPath(path, name)),
      options,
    );
  if (names.some((name) => name.endsWith('.png')))
    return openPictureFeatures(path, { ...PICTURE_FEATURE_DEFAULTS, ...options });
  throw new DataError(`${path}: expected ${EXPECTED}; found ${firstOf(names) || 'nothing'}`);
}

async function headOf(path: string): Promise<Uint8Array> {
  const source = await openSource(path);
  try {
    return await source.read(0, Math.min(HEAD_BYTES, source.size));
  } finally {
    await source.close();
  }
}
