// Pictures in files: a folder and those inside it, a pattern, a list, or single files.
import { readText } from '#platform';
import { dirname, resolve } from 'node:path';
import { glob } from 'tinyglobby';
import { readPictureFile } from '../decode.js';
import { type PictureEntry, pictureId, type PictureSource, pictureSource } from './source.js';

/** The files of a folder and those inside it, by path; hidden ones are skipped. */
export async function filesBelow(folder: string): Promise<string[]> {
  return (await glob('**', { cwd: folder, absolute: true, expandDirectories: false })).sort();
}

/** The files that match a pattern such as `photos/2014/*.jpg`, by path. */
export async function filesMatching(pattern: string): Promise<string[]> {
  return (await glob(pattern.replaceAll('\\', '/'), { absolute: true, expandDirectories: false })).sort();
}

/** Pictures by their paths. @throws DataError when there is none. */
export function openPictureFiles(name: string, paths: readonly string[]): PictureSource {
  return pictureSource(name, paths.map(entryOf));
}

/** The pictures of a list, one path per line, relative to the list's folder. @throws DataError when it is empty. */
export async function openPictureList(path: string): Promise<PictureSource> {
  const lines = (await readText(path)).split(/\r?\n/).map((line) => line.trim());
  const paths = lines.filter((line) => line !== '').map((line) => resolve(dirname(path), line));
  return openPictureFiles(path, paths);
}

function entryOf(path: string): PictureEntry {
  return { id: pictureId(path), where: path, read: () => readPictureFile(path) };
}
