// The folder that .npmrc has `npm pack` write into. It exists only between prepack and postpack, so that a pack without scripts, which has
// nothing built to pack, fails instead of making a tarball without code. Run as `packed.mjs open` and `packed.mjs close`.
import { mkdirSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** npm's error without it shows this name: what to do. */
const PACKED = join(ROOT, 'run-npm-pack-with--ignore-scripts=false');

mkdirSync(PACKED, { recursive: true });
if (process.argv[2] === 'close') {
  // Where npm says that it is.
  for (const name of readdirSync(PACKED)) renameSync(join(PACKED, name), join(ROOT, name));
  rmdirSync(PACKED);
}
