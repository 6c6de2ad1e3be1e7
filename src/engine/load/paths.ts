// Paths: the package itself, tfjs's native sources, and the per-user cache of engines.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineError } from '../../errors.js';
import { cacheRoot } from '../../platform/cache-root.js';
import type { EngineId } from './engine-id.js';

/** The C++ sources of one addon and the name of its file. */
export interface AddonSource {
  name: 'visualbert_loader' | 'tfjs_binding' | 'visualbert_graph';
  /** Whether it is linked to TensorFlow's libraries. */
  tensorflow: boolean;
  /** The folder that includes start from. */
  folder: string;
  /** Absolute paths of the `.cc` files, sorted. */
  sources: string[];
  /** Absolute paths of their headers, sorted. */
  headers: string[];
}

/** The version of this package. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  return version;
}

/** The folder of this package: the one with its package.json. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const file = join(folder, 'package.json');
    if (existsSync(file) && /"name":\s*"visualbert-tfjs"/.test(readFileSync(file, 'utf8'))) return folder;
    const parent = dirname(folder);
    if (parent === folder)
      throw new EngineError(`No package.json of visualbert-tfjs above ${import.meta.url}: reinstall the package.`);
    folder = parent;
  }
}

/** The folder that holds all engines. */
export function enginesFolder(): string {
  return join(cacheRoot(), 'engine');
}

/** Folder of one set of libraries, laid out as in the wheels. */
export function librariesFolder(id: EngineId): string {
  return join(enginesFolder(), `tensorflow-${id.tensorflow}-${id.platform}-${id.arch}-${id.device}`);
}

/** File whose presence marks the libraries in its folder as complete: written before the folder gets its final name. */
export const COMPLETE = 'complete.json';

/** Whether the libraries of an engine are complete. */
export function hasLibraries(id: EngineId): boolean {
  return existsSync(join(librariesFolder(id), COMPLETE));
}

/** The file that names the engine to load when several are installed. */
export function activeFile(): string {
  return join(enginesFolder(), 'active.json');
}

/** The error about a part of the package or of its dependencies that is not there. */
export function missingPart(what: string): EngineError {
  return new EngineError(`visualbert-tfjs cannot find ${what}: run \`npm ci\`, or install the package again.`);
}

/** The file that Node loads for a package or a path in one; null where it is not installed. */
export function installedFile(specifier: string): string | null {
  try {
    return createRequire(import.meta.url).resolve(specifier);
  } catch {
    return null;
  }
}

/** The folder with tfjs-node's `dist` and `binding`: part of the published package, in node_modules in a checkout. Null where there is none. */
export function findTfjsNodeFolder(): string | null {
  const vendored = join(packageRoot(), 'vendor', 'tfjs-node');
  if (existsSync(join(vendored, 'binding'))) return vendored;
  const metadata = installedFile('@tensorflow/tfjs-node-gpu/package.json');
  return metadata === null ? null : dirname(metadata);
}

/** The same. @throws EngineError where there is none */
export function tfjsNodeFolder(): string {
  const folder = findTfjsNodeFolder();
  if (folder !== null) return folder;
  if (existsSync(join(packageRoot(), 'package-lock.json'))) throw missingPart('the native kernels of TensorFlow.js');
  // Not a checkout: npm was told to pack without the scripts that copy them.
  throw new EngineError(
    'This package of visualbert-tfjs lacks the native kernels of TensorFlow.js: install a published one, or pack the checkout with ' +
      '`npm pack --ignore-scripts=false`.',
  );
}

/** Folder of Node's C headers. */
export function nodeHeadersFolder(): string {
  const main = installedFile('node-api-headers');
  if (main === null) throw missingPart('the package node-api-headers');
  return join(dirname(main), 'include');
}

/** The addons that this package compiles. @throws EngineError when the sources of one are missing */
export function addonSources(): AddonSource[] {
  const native = join(packageRoot(), 'native');
  const candidates = [
    { name: 'visualbert_loader', tensorflow: false, folder: native, parts: ['loader'] },
    { name: 'tfjs_binding', tensorflow: true, folder: tfjsNodeFolder(), parts: ['binding'] },
    { name: 'visualbert_graph', tensorflow: true, folder: native, parts: ['.', 'graph', 'kernels', 'loops'] },
  ] as const;
  return candidates.map(({ name, tensorflow, folder, parts }) => {
    const folders = parts.map((part) => join(folder, part)).filter((path) => existsSync(path));
    const files = folders.flatMap((path) => readdirSync(path).map((file) => join(path, file))).sort();
    const [sources, headers] = ['.cc', '.h'].map((ending) => files.filter((file) => file.endsWith(ending))) as [
      string[],
      string[],
    ];
    if (sources.length === 0) throw missingPart(`the sources of ${name}`);
    return { name, tensorflow, folder, sources, headers };
  });
}

/**
 * Compiler flags of all addons. Without `-fno-math-errno` a loop with a square root is not vectorised: AdamW takes 2.5 times as long.
 * `nodelete` keeps an addon in memory when the worker thread that loaded it ends: TensorFlow still holds pointers to its kernels and threads.
 */
export const ADDON_FLAGS = [
  ...['-std=c++17', '-O2', '-fno-math-errno', '-fPIC', '-shared', '-w', '-DNAPI_VERSION=8'],
  ...(process.platform === 'linux' ? ['-Wl,-z,nodelete'] : []),
];

/** Makes an addon search for TensorFlow's libraries relative to its own path, so that an engine's folder can be moved. */
export function rpathFlags({ tensorflow }: AddonSource): string[] {
  return tensorflow
    ? [`-Wl,-rpath,${process.platform === 'darwin' ? '@loader_path' : '$ORIGIN'}/../../tensorflow`]
    : [];
}

/**
 * The path of an addon inside an engine's folder, and inside a package of prebuilt addons. Its folder is named by a hash of the sources, the
 * flags and TensorFlow's version, so that a change of any of them compiles it again.
 */
export function addonPath({ tensorflow }: EngineId, addon: AddonSource): string {
  const hash = createHash('sha256').update([tensorflow, ...ADDON_FLAGS, ...rpathFlags(addon)].join('\n'));
  for (const file of [...addon.sources, ...addon.headers])
    hash.update(file.slice(dirname(file).length)).update(readFileSync(file));
  return join('addons', `${addon.name}-${hash.digest('hex').slice(0, 16)}`, `${addon.name}.node`);
}

/** File of one installed addon. */
export function addonFile(id: EngineId, addon: AddonSource): string {
  return join(librariesFolder(id), addonPath(id, addon));
}
