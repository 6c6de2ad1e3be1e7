// Pictures in files: a folder and those inside it, a pattern, a list, or single files.
import { isFolder, readText } from '#platform';
import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { readPictureFile } from '../decode.js';
import {
  type IgnoredFiles,
  type NameBy,
  type PictureEntry,
  type PictureSource,
  pictureSource,
  withIds,
} from './source.js';

/**
 * The files of a folder and those inside it, by path; hidden ones are skipped. Links to folders are followed, each real folder once and by its
 * own path if that is inside. Links that lead nowhere are among the files.
 */
export async function filesBelow(folder: string): Promise<string[]> {
  const files: string[] = [];
  const [folders, linked] = [[resolve(folder)], [] as string[]];
  const seen = new Set<string>();
  for (let next = folders.pop(); next !== undefined; next = folders.pop() ?? linked.shift()) {
    const real = await realpath(next);
    if (seen.has(real)) continue;
    seen.add(real);
    for (const entry of await readdir(next, { withFileTypes: true })) {
      const path = join(next, entry.name);
      if (entry.name.startsWith('.')) continue;
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isSymbolicLink() && (await isFolder(path))) linked.push(path);
      else if (entry.isFile() || entry.isSymbolicLink()) files.push(path);
    }
  }
  return files.sort();
}

/** The files that match a pattern such as `photos/2014/*.jpg`, by path; files of a linked folder whose own path matches too are given once. */
export async function filesMatching(pattern: string): Promise<string[]> {
  const { glob } = await import('tinyglobby'); // loaded only where it is needed
  const paths = (await glob(pattern.replaceAll('\\', '/'), { absolute: true, expandDirectories: false })).sort();
  const kept = new Map<string, string>();
  for (const path of paths) {
    const real = join(await realpath(dirname(path)), basename(path));
    if (real === path || !kept.has(real)) kept.set(real, path);
  }
  return [...kept.values()].sort();
}

/** The folder of a pattern: its path up to the first part with a wildcard. */
export function folderOfPattern(pattern: string): string {
  const parts = pattern.replaceAll('\\', '/').split('/');
  const first = parts.findIndex((part) => /[*?{[]/.test(part));
  return parts.slice(0, first).join('/') || (pattern.startsWith('/') ? '/' : '.');
}

/**
 * Pictures by their paths, which are named relative to `root`.
 * @param ignored other files beside them.
 * @throws DataError when there is none.
 */
export function openPictureFiles(
  name: string,
  paths: readonly string[],
  { root, nameBy, ignored = [] }: { root: string; nameBy: NameBy; ignored?: readonly string[] },
): PictureSource {
  const named = paths.map((path) => relative(root, path));
  return pictureSource(name, entriesOf(paths, named, nameBy), { nameBy, ignored: ignoredFiles(name, ignored) });
}

/** Counts files by their endings. */
function ignoredFiles(folder: string, paths: readonly string[]): IgnoredFiles[] {
  if (paths.length === 0) return [];
  const endings: Record<string, number> = {};
  for (const ending of paths.map((path) => extname(path).toLowerCase()).sort())
    endings[ending] = (endings[ending] ?? 0) + 1;
  return [{ folder, endings }];
}

/** The pictures of a list, one path per line, relative to the list's folder. @throws DataError when it is empty. */
export async function openPictureList(path: string, nameBy: NameBy): Promise<PictureSource> {
  const lines = (await readText(path)).split(/\r?\n/).map((line) => line.trim());
  const named = lines.filter((line) => line !== '');
  const paths = named.map((line) => resolve(dirname(path), line));
  return pictureSource(path, entriesOf(paths, named, nameBy), { nameBy });
}

function entriesOf(paths: readonly string[], named: readonly string[], nameBy: NameBy): PictureEntry[] {
  const pictures = paths.map((path, i) => ({
    ...{ path: named[i] as string, where: path },
    read: () => readPictureFile(path),
  }));
  return withIds(pictures, nameBy);
}
