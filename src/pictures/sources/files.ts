// Pictures in files: a folder and those inside it, a pattern, a list, or single files.
import { readText } from '#platform';
import { dirname, relative, resolve } from 'node:path';
import { readPictureFile } from '../decode.js';
import { type NameBy, type PictureEntry, pictureId, type PictureSource, pictureSource } from './source.js';

/** The files of a folder and those inside it, by path; hidden ones are skipped. */
export async function filesBelow(folder: string): Promise<string[]> {
  return globbed('**', folder);
}

/** The files that match a pattern such as `photos/2014/*.jpg`, by path. */
export async function filesMatching(pattern: string): Promise<string[]> {
  return globbed(pattern.replaceAll('\\', '/'));
}

async function globbed(pattern: string, folder = '.'): Promise<string[]> {
  const { glob } = await import('tinyglobby'); // loaded only where it is needed
  return (await glob(pattern, { cwd: folder, absolute: true, expandDirectories: false })).sort();
}

/** The folder of a pattern: its path up to the first part with a wildcard. */
export function folderOfPattern(pattern: string): string {
  const parts = pattern.replaceAll('\\', '/').split('/');
  const first = parts.findIndex((part) => /[*?{[]/.test(part));
  return parts.slice(0, first).join('/') || (pattern.startsWith('/') ? '/' : '.');
}

/** Pictures by their paths, which are named relative to `root`. @throws DataError when there is none. */
export function openPictureFiles(name: string, paths: readonly string[], root: string, nameBy: NameBy): PictureSource {
  return pictureSource(
    name,
    paths.map((path) => entryOf(path, relative(root, path), nameBy)),
  );
}

/** The pictures of a list, one path per line, relative to the list's folder. @throws DataError when it is empty. */
export async function openPictureList(path: string, nameBy: NameBy): Promise<PictureSource> {
  const lines = (await readText(path)).split(/\r?\n/).map((line) => line.trim());
  const entries = lines
    .filter((line) => line !== '')
    .map((line) => entryOf(resolve(dirname(path), line), line, nameBy));
  return pictureSource(path, entries);
}

function entryOf(path: string, named: string, nameBy: NameBy): PictureEntry {
  return { id: pictureId(named, nameBy), where: path, read: () => readPictureFile(path) };
}
