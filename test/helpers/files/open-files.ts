// The files that this process has open.
import { readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

const DESCRIPTORS = '/proc/self/fd';

/** The open files at a path or in a folder, once for each descriptor; null where the system does not list them. */
export function openFiles(path: string): string[] | null {
  if (process.platform !== 'linux') return null;
  const real = realpathSync(path);
  const links = readdirSync(DESCRIPTORS).flatMap((name) => {
    try {
      return [readlinkSync(join(DESCRIPTORS, name))];
    } catch {
      return []; // the one that the list was read through
    }
  });
  return links.filter((link) => link.startsWith(real));
}
