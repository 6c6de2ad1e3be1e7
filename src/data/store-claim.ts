// One process at a time writes a store that grows: each says so in a file beside it, which says nothing any more when the process is gone.
import { readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isRunning } from '#platform';
import { DataError } from '../errors.js';

/** Stores that this process writes: its number alone does not tell, a container gives the same one to every run. */
const written = new Set<string>();

/**
 * Claims a store for this process.
 * @returns what gives it free. @throws DataError when a process of this machine is writing it.
 */
export async function claimStore(path: string): Promise<() => Promise<void>> {
  const store = resolve(path);
  const prefix = `${basename(store)}.part-`;
  const own = `${prefix}${process.pid}`;
  if (written.has(store)) throw busy(path, process.pid);
  written.add(store);
  const release = async (): Promise<void> => {
    await rm(join(dirname(store), own), { force: true });
    written.delete(store);
  };
  try {
    await writeFile(join(dirname(store), own), ''); // before looking for others: of two that begin at once none misses the other
    for (const name of await readdir(dirname(store))) {
      const owner = name.startsWith(prefix) && name !== own ? name.slice(prefix.length) : '';
      if (!/^\d+$/.test(owner)) continue;
      if (isRunning(Number(owner))) throw busy(path, Number(owner));
      await rm(join(dirname(store), name), { force: true });
    }
    return release;
  } catch (error) {
    await release();
    throw error;
  }
}

function busy(path: string, pid: number): DataError {
  return new DataError(`${path}: process ${pid} is writing it; wait for it, or stop it to go on from what it has made`);
}
