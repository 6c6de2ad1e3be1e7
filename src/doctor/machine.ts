// Facts about a machine: processor, memory, disk, and installed optional packages.
import { constants, readFileSync } from 'node:fs';
import { access, readdir, statfs } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus, homedir } from 'node:os';
import { dirname, sep } from 'node:path';
import type { OptionalPackage } from './contract.js';

/** As /proc/cpuinfo and macOS call them. */
const INSTRUCTIONS = [
  'avx',
  'avx2',
  'fma',
  'avx512f',
  'avx512_vnni',
  'avx512_bf16',
  'amx_int8',
  'amx_bf16',
  'asimd',
  'bf16',
  'i8mm',
];

/** Packages that only some functions need, and which. */
const OPTIONAL = {
  sharp: 'pictures: ask, features extract',
  h5wasm: 'features in HDF5 files',
  hyparquet: 'pictures in Parquet files',
  fastify: 'visualbert serve',
  webgpu: 'any graphics card, with @tensorflow/tfjs-backend-webgpu',
};

/** The processor's name. */
export function processorName(): string {
  return cpus()[0]?.model.trim() ?? 'unknown';
}

/** The instruction sets of this processor among those that matter; empty where the system does not list them. */
export function instructions(cpuInfo: string | null = textOf('/proc/cpuinfo')): string[] {
  const [, flags = ''] = /^(?:flags|Features)\s*:(.*)$/m.exec(cpuInfo ?? '') ?? [];
  const present = new Set(flags.trim().split(/\s+/));
  return INSTRUCTIONS.filter((name) => present.has(name));
}

/** The version line of NVIDIA's driver; null without one. */
export function nvidiaDriver(): string | null {
  return /^NVRM version:\s*(.*)$/m.exec(textOf('/proc/driver/nvidia/version') ?? '')?.[1] ?? null;
}

/** Whether a folder can be written to, or made where it does not exist; and the free space of its disk. */
export async function folderState(
  folder: string,
): Promise<{ folder: string; isWritable: boolean; freeBytes: number | null }> {
  const existing = await nearestExisting(folder);
  const isWritable = await Promise.all([readdir(existing), access(existing, constants.W_OK)]).then(
    () => true,
    () => false,
  );
  const space = await statfs(existing).catch(() => null);
  return { folder: withoutHome(folder), isWritable, freeBytes: space === null ? null : space.bavail * space.bsize };
}

async function nearestExisting(folder: string): Promise<string> {
  const isThere = await access(folder).then(
    () => true,
    () => false,
  );
  return isThere || dirname(folder) === folder ? folder : nearestExisting(dirname(folder));
}

/** Optional packages with the versions that are installed. */
export function optionalPackages(): OptionalPackage[] {
  return Object.entries(OPTIONAL).map(([name, use]) => ({ name, version: installedVersion(name), use }));
}

function installedVersion(name: string): string | null {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  for (const folder of folders) {
    const text = textOf(`${folder}/${name}/package.json`);
    if (text !== null) return (JSON.parse(text) as { version?: string }).version ?? null;
  }
  return null;
}

/** A path, or a text with paths, without the home folder's name: it becomes `~`. */
export function withoutHome(text: string): string {
  const home = homedir();
  return home.length > 1 ? text.replaceAll(home + sep, `~${sep}`) : text;
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
