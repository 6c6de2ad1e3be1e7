// Fetches TensorFlow's libraries and headers from the package index into the per-user cache.
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EngineError, errorMessage } from '../../errors.js';
import { type EngineId } from '../load/engine-id.js';
import { COMPLETE, librariesFolder } from '../load/paths.js';
import { NeedsPip } from './needs-pip.js';
import type { FetchedWheel } from './package-index.js';
import { pipSettings } from './pip-settings.js';
import type { InstallProgress } from './progress.js';
import { downloadWheel, findPython } from './python.js';
import { requireSha256, unpackWheel } from './unpack-wheel.js';
import type { Wheel, WheelPlan } from './wheel-table.js';
import { gigabytes } from '../../words.js';

/** Suffix of the folder with an engine's partial downloads. */
const DOWNLOADS = '.download';

/** Files of the wheels that are needed to link and run; the rest is Python. */
export function isWanted(name: string): boolean {
  return (
    /^tensorflow\/libtensorflow_(cc|framework)\./.test(name) ||
    /^tensorflow\/include\/.*\/(c|platform)\/.*\.h$/.test(name) ||
    /^nvidia\/[^/]+\/lib\/[^/]+\.so[.\d]*$/.test(name) ||
    /^nvidia\/cuda_nvcc\/(bin\/ptxas|nvvm\/libdevice\/.*\.bc)$/.test(name) ||
    /^[^/]+\.dist-info\/(licenses\/.*|LICENSE.*|License.*|METADATA)$/.test(name) ||
    name === 'tensorflow/THIRD_PARTY_NOTICES.txt'
  );
}

/**
 * Installs the libraries of an engine. Called under the engine's lock.
 * @throws EngineError for a failed download, a damaged file, and a disk that is too small
 */
export async function installLibraries(
  id: EngineId,
  plan: WheelPlan,
  onProgress: (p: InstallProgress) => void,
): Promise<void> {
  const target = librariesFolder(id);
  const parent = dirname(target);
  const prefix = `.staging-${basename(target)}-`;
  await removeLeftovers(parent, prefix);
  await requireSpace(parent, plan);
  const staging = join(parent, `${prefix}${randomUUID()}`);
  const downloads = `${target}${DOWNLOADS}`; // kept when an attempt fails: the next one continues it
  const settings = pipSettings();
  const { fetchWheel } = await import('./package-index.js'); // imported here: loading its HTTP client takes a tenth of a second
  try {
    await mkdir(staging, { recursive: true });
    for (const wheel of plan.wheels) {
      const what = `${wheel.name} ${wheel.version}`;
      await mkdir(downloads, { recursive: true });
      onProgress({ stage: 'download', what, done: 0, total: wheel.bytes });
      const onBytes = (done: number): void =>
        onProgress({ stage: 'download', what, done: Math.min(done, wheel.bytes), total: wheel.bytes });
      const { path, sha256 } = await fetchWheel(wheel, downloads, settings, onBytes).catch((error: unknown) =>
        withPip(error, wheel, downloads, onBytes),
      );
      onProgress({ stage: 'verify', what, done: 0, total: 0 });
      await requireWheel(path, wheel.sha256 ?? sha256, downloads);
      await unpackWheel(path, staging, isWanted, (done, total) => onProgress({ stage: 'unpack', what, done, total }));
      await rm(downloads, { recursive: true });
    }
    await writeFile(join(staging, COMPLETE), JSON.stringify({ ...id, wheels: plan.wheels }, null, 2));
    await renameInto(staging, target);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Fetches the wheel through pip, where the index cannot be read without it. */
async function withPip(
  error: unknown,
  wheel: Wheel,
  folder: string,
  onBytes: (done: number) => void,
): Promise<FetchedWheel> {
  if (!(error instanceof NeedsPip)) throw error;
  const python = await findPython().catch((missing: unknown) => {
    throw new EngineError(`${error.message}. pip may be able to: ${errorMessage(missing)}`, { cause: error });
  });
  try {
    return { path: await downloadWheel(python, wheel, folder, onBytes), sha256: null };
  } catch (failure) {
    await rm(folder, { recursive: true, force: true }); // pip does not continue partial downloads
    throw failure;
  }
}

/** @throws EngineError for a file that is not the published one; a downloaded one is removed */
async function requireWheel(path: string, sha256: string | null, downloads: string): Promise<void> {
  if (sha256 === null) return;
  await requireSha256(path, sha256).catch(async (error: unknown) => {
    await rm(downloads, { recursive: true, force: true });
    throw error;
  });
}

/** Renames a finished folder to its final name. If another process was faster, its folder is kept. */
export async function renameInto(staging: string, target: string): Promise<void> {
  try {
    await rename(staging, target);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  }
}

/** Removes staging folders of killed installations of the same engine. Called under its lock, so none is in use. */
async function removeLeftovers(parent: string, prefix: string): Promise<void> {
  const names = (await readdir(parent)).filter((name) => name.startsWith(prefix));
  await Promise.all(names.map((name) => rm(join(parent, name), { recursive: true, force: true })));
}

/** @throws EngineError when the disk of `folder` has no space for the download and the unpacked files. */
export async function requireSpace(folder: string, plan: WheelPlan): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const needed = plan.unpackedBytes + Math.max(...plan.wheels.map((wheel) => wheel.bytes));
  const free = bavail * bsize;
  if (free < needed) {
    throw new EngineError(
      `No space for the engine: ${folder} has ${gigabytes(free)} free and ${gigabytes(needed)} are needed. Free some, or set VISUALBERT_CACHE to a folder on another disk.`,
    );
  }
}
