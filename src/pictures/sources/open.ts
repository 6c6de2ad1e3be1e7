// Opens the pictures of a data set in folders, archives and tables: the only file that imports all sources.
import { stat } from 'node:fs/promises';
import { openSource } from '#platform';
import type { ByteSource } from '../../byte-source.js';
import { DataError } from '../../errors.js';
import { isParquet } from '../../formats/parquet.js';
import { isTar } from '../../formats/tar.js';
import { PICTURE_FILE, PICTURE_HEAD_BYTES, pictureKind } from '../kind.js';
import { openTarPictures, openZipPictures } from './archives.js';
import { filesBelow, filesMatching, folderOfPattern, openPictureFiles, openPictureList } from './files.js';
import { openParquetPictures } from './parquet.js';
import { joinPictures, type NameBy, pictureId, type PictureSource, withPrefix } from './source.js';
import { requireOptions, requirePaths } from '../../options.js';

/** Options of `openPictures`. */
export interface OpenPictureOptions {
  /** For Parquet files with several columns of pictures: the one to read. */
  column?: string | undefined;
  /**
   * What the ids are: the names of the files (`file`, default), or their paths below the given folder or archive (`path`), for data sets
   * with several files of one name; files that differ only in their ending keep it (`a@png`, `a@webp`). With several sources, paths start
   * with the name of their source.
   */
  nameBy?: NameBy | undefined;
}

/** A block of a tar archive. */
const HEAD_BYTES = 512;
const CONTAINER = /\.(?:zip|tar|parquet)$/i;
const LIST_FILE = /\.(?:txt|lst|list)$/i;

/**
 * Opens pictures as one source. Each path is a folder (with those inside it), a pattern (`photos/*.jpg`), a list of paths (`.txt`, one per
 * line), a zip or tar archive, a Parquet file of Hugging Face's `datasets`, a folder or pattern of such files, or one picture. Ids are the
 * names of the files without ending, or their paths (`nameBy`).
 * @throws DataError when a path is absent or holds no picture, or two pictures are the same image.
 * @example
 * const pictures = await openPictures(['train2014.zip', 'val2014']);
 * for (const id of pictures.ids) console.log(id, (await decodePicture(await pictures.read(id), id)).width);
 * await pictures.close();
 */
export async function openPictures(
  paths: string | readonly string[],
  options: OpenPictureOptions = {},
): Promise<PictureSource> {
  requireOptions('openPictures', options);
  const all = requirePaths('openPictures', paths);
  const sources: PictureSource[] = [];
  try {
    for (const path of all) {
      const source = await openOne(path, options);
      const needsPrefix = options.nameBy === 'path' && all.length > 1 && !(await isPictureFile(path));
      sources.push(needsPrefix ? withPrefix(source, pictureId(path)) : source);
    }
    return joinPictures(sources, options.nameBy ?? 'file');
  } catch (error) {
    await Promise.all(sources.map((source) => source.close()));
    throw error;
  }
}

/** What the ids of features say that their pictures were named by. */
export function nameByOf(ids: Iterable<string>): NameBy {
  for (const id of ids) if (id.includes('/') || PICTURE_FILE.test(id.replace('@', '.'))) return 'path';
  return 'file';
}

async function openOne(path: string, options: OpenPictureOptions): Promise<PictureSource> {
  const { nameBy = 'file' } = options;
  const stats = await stat(path).catch(() => null);
  if (stats === null) {
    if (/[*?{[]/.test(path)) return openFiles(path, await filesMatching(path), folderOfPattern(path), options);
    throw new DataError(`${path}: no such file or folder of pictures`);
  }
  if (stats.isDirectory()) return openFiles(path, await filesBelow(path), path, options);
  if (await isPictureFile(path)) return openPictureFiles(path, [path], { root: '.', nameBy });
  if (LIST_FILE.test(path)) return openPictureList(path, nameBy);
  const source = await openSource(path);
  try {
    return await openContainer(source, options);
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Whether a file is a picture, by its ending or its first bytes. */
async function isPictureFile(path: string): Promise<boolean> {
  if (PICTURE_FILE.test(path)) return true;
  if (LIST_FILE.test(path) || !(await isFile(path))) return false;
  const source = await openSource(path);
  try {
    return pictureKind(await source.read(0, Math.min(PICTURE_HEAD_BYTES, source.size))) !== null;
  } finally {
    await source.close();
  }
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
}

/** The pictures among files; if there are none, those in the archives and tables among them, as parts of one data set. */
async function openFiles(
  name: string,
  paths: readonly string[],
  root: string,
  options: OpenPictureOptions,
): Promise<PictureSource> {
  const pictures = paths.filter((path) => PICTURE_FILE.test(path));
  const ignored = paths.filter((path) => !PICTURE_FILE.test(path));
  if (pictures.length > 0) return openPictureFiles(name, pictures, { root, nameBy: options.nameBy ?? 'file', ignored });
  const parts = paths.filter((path) => CONTAINER.test(path));
  if (parts.length > 0) return openPictures(parts, options);
  throw new DataError(
    `${name}: no picture found; expected .jpg, .png, .webp, .gif, .avif or .tiff files, or .zip, .tar or .parquet files of them`,
  );
}

/** An archive or a table, recognised by its first bytes. */
async function openContainer(
  source: ByteSource,
  { column, nameBy = 'file' }: OpenPictureOptions,
): Promise<PictureSource> {
  const head = await source.read(0, Math.min(HEAD_BYTES, source.size));
  const start = new TextDecoder('latin1').decode(head.subarray(0, 4));
  if (start.startsWith('PK')) return openZipPictures(source, nameBy);
  if (isParquet(head)) return openParquetPictures(source, nameBy, column);
  if (isTar(head)) return openTarPictures(source, nameBy);
  const what = start.startsWith('\x1f\x8b') ? 'a gzip file; unpack it first' : 'another format';
  throw new DataError(
    `${source.name}: expected a picture, a folder, a pattern, a list (.txt), a zip or tar archive or a Parquet file of pictures, found ${what}`,
  );
}
