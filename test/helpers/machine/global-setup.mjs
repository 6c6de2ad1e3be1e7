// Before all tests: one temporary folder for everything that tests make, and one engine thread for each of several workers.
import { mkdtempSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';

/** Folders that tests make with `os.tmpdir()` lie in this one, which global-teardown.mjs removes. */
export default function setUp({ maxWorkers }) {
  process.env.TMPDIR = mkdtempSync(join(tmpdir(), 'visualbert-tests-'));
  // Engines of several workers with a thread for each core would wait for one another.
  if (maxWorkers > 1)
    process.env.TF_NUM_INTRAOP_THREADS ??= String(Math.max(1, Math.floor(availableParallelism() / maxWorkers)));
}
