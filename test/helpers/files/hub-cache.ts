// Repositories in the layout of the hub's cache, so that ids of the hub load without a network.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const COMMIT = 'c'.repeat(40);

/** The folder of a repository's files in the cache folder `cache`, made when it is not there. */
export function hubSnapshot(cache: string, id: string): string {
  const folder = join(cache, `models--${id.replace('/', '--')}`);
  const snapshot = join(folder, 'snapshots', COMMIT);
  mkdirSync(join(folder, 'refs'), { recursive: true });
  mkdirSync(snapshot, { recursive: true });
  writeFileSync(join(folder, 'refs', 'main'), COMMIT);
  return snapshot;
}
