// Installs an engine into the per-user cache: TensorFlow's libraries from PyPI, and the addons that link them to Node.
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EngineError, errorMessage } from '../../errors.js';
import { makeFolder } from '../../platform/files.js';
import { withLock } from '../../platform/lock-file.js';
import { buildAddon, findCompiler } from './build-addon.js';
import { enginesWithLibraries } from '../load/find-engine.js';
import {
  activeFile,
  addonFile,
  addonSources,
  COMPLETE,
  enginesFolder,
  hasLibraries,
  librariesFolder,
} from '../load/paths.js';
import { type EngineId } from '../load/engine-id.js';
import { NeedsPip } from './needs-pip.js';
import type { FetchedWheel } from './package-index.js';
import { pipSettings } from './pip-settings.js';
import { downloadWheel, findPython } from './python.js';
import { requireCpu } from '../load/requirements.js';
import { requireSha256, unpackWheel } from './unpack-wheel.js';
import { currentHost, type Wheel, wheelPlan, type WheelPlan } from './wheel-table.js';
import { DEFAULT_TENSORFLOW, type DeviceKind } from '../load/engine-id.js';
import { requireKinds } from '../../options.js';

/** Suffix of the folder with an engine's partial downloads. */
const DOWNLOADS = '.download';

/** Progress of an installation. */
export interface InstallProgress {
  stage: 'wait' | 'download' | 'verify' | 'unpack' | 'compile';
  /** What is being worked on: a wheel, an addon, or the process that holds the lock. */
  what: string;
  /** Bytes done and in total; both 0 for stages without a size. */
  done: number;
  total: number;
}

export interface InstallOptions {
  device?: DeviceKind;
  /** As `2.21.0`. */
  tensorflowVersion?: string;
  /** Keep the engine that is in use, whatever device and version it has, and only complete it. */
  ifMissing?: boolean;
  onProgress?: (progress: InstallProgress) => void;
}

export interface InstallResult extends EngineId {
  /** Folder with the libraries and addons. */
  folder: string;
  /** False when everything was already installed. */
  changed: boolean;
  /** False for platforms and versions that the package is not tested on. */
  tested: boolean;
}

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
 * Installs an engine, or what is missing of it. Safe to call from several processes at once; returns at once when nothing is missing.
 * @throws EngineError with its own message for each cause: platform, CPU, compiler, Python, network, damaged file, folder, disk.
 */
export async function installEngine(options: InstallOptions = {}): Promise<InstallResult> {
  requireKinds('installEngine', { 'an object': { options } });
  const { onProgress = () => undefined } = options;
  const host = currentHost();
  const present = options.ifMissing ? enginesWithLibraries()[0] : undefined;
  const { device, tensorflow: tensorflowVersion } = present ?? {
    device: options.device ?? 'cpu',
    tensorflow: options.tensorflowVersion ?? DEFAULT_TENSORFLOW,
  };
  const plan = wheelPlan(host, device, tensorflowVersion);
  requireCpu();
  const id: EngineId = { tensorflow: tensorflowVersion, device, platform: host.platform, arch: host.arch };
  const result = { ...id, folder: librariesFolder(id), tested: plan.tested };
  if (isInstalled(id)) {
    await setActive(id);
    return { ...result, changed: false };
  }
  const compiler = await findCompiler(); // before anything is downloaded
  try {
    const work = async (): Promise<void> => {
      if (!hasLibraries(id)) await installLibraries(id, plan, onProgress);
      await installAddons(id, compiler, onProgress);
      await setActive(id);
    };
    await makeFolder(enginesFolder());
    await withLock(`${librariesFolder(id)}.lock`, work, ({ pid }) =>
      onProgress({ stage: 'wait', what: `another installation (process ${pid})`, done: 0, total: 0 }),
    );
  } catch (error) {
    throw explainFileError(error, plan);
  }
  return { ...result, changed: true };
}

/** Whether the libraries and all addons, compiled from the current sources, are installed. */
export function isInstalled(id: EngineId): boolean {
  return hasLibraries(id) && addonSources().every((addon) => existsSync(addonFile(id, addon)));
}

async function installLibraries(
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

async function installAddons(id: EngineId, compiler: string, onProgress: (p: InstallProgress) => void): Promise<void> {
  for (const addon of addonSources()) {
    const file = addonFile(id, addon);
    if (existsSync(file)) continue;
    onProgress({ stage: 'compile', what: addon.name, done: 0, total: 0 });
    const staging = join(librariesFolder(id), `.staging-${randomUUID()}`);
    try {
      await mkdir(staging, { recursive: true });
      await buildAddon(compiler, addon, librariesFolder(id), join(staging, `${addon.name}.node`));
      await mkdir(dirname(dirname(file)), { recursive: true });
      await renameInto(staging, dirname(file));
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }
}

/** Renames a finished folder to its final name. If another process was faster, its folder is kept. */
async function renameInto(staging: string, target: string): Promise<void> {
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
      `No space for the engine: ${folder} has ${gigabytes(free)} GB free and ${gigabytes(needed)} GB are needed. Free some, or set VISUALBERT_CACHE to a folder on another disk.`,
    );
  }
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(1);
}

function explainFileError(error: unknown, plan: WheelPlan): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') {
    return new EngineError(
      `The cache ${enginesFolder()} cannot be written to (${code}): set VISUALBERT_CACHE to a folder that can, or change its owner.`,
    );
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new EngineError(
      `No space left in ${enginesFolder()} (${code}): ${gigabytes(plan.unpackedBytes)} GB are needed. Free some, or set VISUALBERT_CACHE to a folder on another disk.`,
    );
  }
  if (code === 'ENOTDIR' || code === 'EEXIST') {
    return new EngineError(
      `The cache ${enginesFolder()} is not a folder (${errorMessage(error)}): set VISUALBERT_CACHE to one.`,
    );
  }
  return error;
}

/** Makes an engine the one to load. In a read-only cache the choice does not change. */
async function setActive(id: EngineId): Promise<void> {
  const aside = `${activeFile()}.${randomUUID()}`;
  try {
    await writeFile(aside, JSON.stringify(id));
    await rename(aside, activeFile());
  } catch {
    await rm(aside, { force: true }).catch(() => undefined);
  }
}
