// After all tests: removes the temporary folder of global-setup.mjs with everything in it.
import { rmSync } from 'node:fs';

export default function tearDown() {
  const folder = process.env.TMPDIR;
  if (folder?.includes('visualbert-tests-')) rmSync(folder, { recursive: true, force: true });
}
