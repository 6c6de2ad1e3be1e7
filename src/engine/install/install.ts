// Installs an engine into the per-user cache: TensorFlow's libraries from PyPI, and the addons that link them to Node.
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DataError, EngineError, errorMessage } from '../../errors.js';
import { makeFolder } from '../../platform/files.js';
import { withLock } from '../../platform/lock-file.js';
import { buildAddon, findCompiler } from './build-addon.js';
import { enginesWithLibraries } from '../load/find-engine.js';
import {
  activeFile,
  addonFile,
  type AddonSource,
  addonSources,
  enginesFolder,
  hasLibraries,
  librariesFolder,
} from '../load/paths.js';
import { DEFAULT_TENSORFLOW, type DeviceKind, type EngineId } from '../load/engine-id.js';
import { installLibraries, renameInto } from './libraries.js';
import { prebuiltAddon } from './prebuilt.js';
import type { InstallProgress } from './progress.js';
import { requireCpu } from '../load/requirements.js';
import { currentHost, wheelPlan, type WheelPlan } from './wheel-table.js';
import { requireKinds } from '../../options.js';
import { gigabytes } from '../../words.js';

/** Options of `installEngine`. */
export interface InstallOptions {
  device?: DeviceKind;
  /** As `2.21.0`. */
  tensorflowVersion?: string;
  /** Keep the engine that is in use, whatever device and version it has, and only complete it. */
  ifMissing?: boolean;
  onProgress?: (progress: InstallProgress) => void;
}

/** Result of `installEngine`. */
export interface InstallResult extends EngineId {
  /** Folder with the libraries and addons. */
  folder: string;
  /** False when everything was already installed. */
  changed: boolean;
  /** What of this platform and version has not been tested, as `not tested on a Mac`; null where it has. */
  caveat: string | null;
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
  const result = { ...id, folder: librariesFolder(id), caveat: plan.caveat };
  if (isInstalled(id)) {
    await setActive(id);
    return { ...result, changed: false };
  }
  const isToCompile = (addon: AddonSource): boolean =>
    !existsSync(addonFile(id, addon)) && prebuiltAddon(id, addon) === null;
  if (addonSources().some(isToCompile)) await findCompiler(); // before anything is downloaded
  try {
    const work = async (): Promise<void> => {
      if (!hasLibraries(id)) await installLibraries(id, plan, onProgress);
      await installAddons(id, onProgress);
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

/** Copies missing addons from the package with prebuilt ones, and compiles those that it lacks. */
export async function installAddons(id: EngineId, onProgress: (p: InstallProgress) => void): Promise<void> {
  for (const addon of addonSources()) {
    const file = addonFile(id, addon);
    if (existsSync(file)) continue;
    const prebuilt = prebuiltAddon(id, addon);
    const staging = join(librariesFolder(id), `.staging-${randomUUID()}`);
    try {
      await mkdir(staging, { recursive: true });
      const output = join(staging, `${addon.name}.node`);
      if (prebuilt !== null) await copyFile(prebuilt, output);
      else {
        onProgress({ stage: 'compile', what: addon.name, done: 0, total: 0 });
        await buildAddon(await findCompiler(), addon, librariesFolder(id), output);
      }
      await mkdir(dirname(dirname(file)), { recursive: true });
      await renameInto(staging, dirname(file));
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }
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
      `No space left in ${enginesFolder()} (${code}): ${gigabytes(plan.unpackedBytes)} are needed. Free some, or set VISUALBERT_CACHE to a folder on another disk.`,
    );
  }
  if (code === 'ENOTDIR' || code === 'EEXIST' || error instanceof DataError) {
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
