// What `visualbert engine info` reports: TensorFlow, devices, threads, oneDNN, the cache, and the CUDA libraries.
import { existsSync, readFileSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { errorMessage } from '../errors.js';
import type { GraphAddon } from './load/addon.js';
import { cudaReport, type CudaReport } from './load/cuda.js';
import { enginesFolder } from './load/paths.js';
import { loadNative } from './load/native.js';

/** One engine in the cache. */
export interface InstalledEngine {
  name: string;
  folder: string;
  bytes: number;
}

/** State of the native engine on this machine. */
export interface EngineInfo {
  /** TensorFlow's version in the loaded engine; null if none can be loaded, and `problem` says why. */
  tensorflow: string | null;
  problem: string | null;
  device: string | null;
  /** Names of TensorFlow's devices, as `/device:CPU:0`. */
  devices: string[];
  /** Threads of one op. */
  threads: number;
  /** Whether TensorFlow computes with oneDNN; false without an engine. */
  oneDnn: boolean;
  cache: string;
  installed: InstalledEngine[];
  /** Null unless the loaded engine is a GPU one. */
  cuda: CudaReport | null;
  node: string;
}

/**
 * Loads the engine, if there is one, and reports on it and on the cache.
 * @example
 * const { tensorflow, device, problem } = await engineInfo(); // such as '2.21.0', 'cpu', null
 * if (problem !== null) console.log(problem);
 */
export async function engineInfo(): Promise<EngineInfo> {
  const base = {
    cache: enginesFolder(),
    installed: await installedEngines(),
    threads: availableParallelism(),
    node: process.version,
  };
  try {
    const { binding, graph, info } = loadNative();
    const gpu = binding.isUsingGpuDevice();
    return {
      ...base,
      tensorflow: binding.TF_Version,
      problem: null,
      device: info.device,
      threads: info.threads,
      oneDnn: (graph as GraphAddon | null)?.usesOneDnn() ?? false,
      devices: ['/device:CPU:0', ...(gpu ? ['/device:GPU:0'] : [])],
      cuda: info.device === 'gpu' ? cudaReport(info.folder, mappedFiles()) : null,
    };
  } catch (error) {
    const problem = errorMessage(error);
    return { ...base, tensorflow: null, problem, device: null, devices: [], oneDnn: false, cuda: null };
  }
}

/** Files that this process has mapped, libraries among them. */
function mappedFiles(): string[] {
  try {
    const lines = readFileSync('/proc/self/maps', 'utf8').split('\n');
    return [...new Set(lines.map((line) => line.slice(line.indexOf('/'))).filter((path) => path.startsWith('/')))];
  } catch {
    return [];
  }
}

/** Every engine in the cache, complete or not, with its size. */
export async function installedEngines(): Promise<InstalledEngine[]> {
  if (!existsSync(enginesFolder())) return [];
  const names = (await readdir(enginesFolder())).filter(
    (name) => name.startsWith('tensorflow-') && !/\.(lock|download)$/.test(name),
  );
  return Promise.all(
    names.sort().map(async (name) => {
      const folder = join(enginesFolder(), name);
      return { name, folder, bytes: await folderBytes(folder) };
    }),
  );
}

/** Removes every engine from the cache. Returns what was removed. */
export async function removeEngines(): Promise<InstalledEngine[]> {
  const engines = await installedEngines();
  await rm(enginesFolder(), { recursive: true, force: true });
  return engines;
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    files.map((file) =>
      stat(join(file.parentPath, file.name)).then(
        (s) => s.size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}
