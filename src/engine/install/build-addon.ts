// Compiles one native addon against TensorFlow's headers and libraries, with the C++ compiler alone.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../../errors.js';
import { ADDON_FLAGS, nodeHeadersFolder, rpathFlags, type AddonSource } from '../load/paths.js';
import { runCommand } from './python.js';

/** How compilers are installed. */
export const COMPILER_PACKAGES =
  'Debian and Ubuntu: apt install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install';

/**
 * The C++ compiler: `CXX`, `c++`, `g++`, `clang++`, the first that runs.
 * @throws EngineError when there is none.
 */
export async function findCompiler(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const candidates = env.CXX ? [env.CXX] : ['c++', 'g++', 'clang++'];
  for (const compiler of candidates) {
    if ((await runCommand(compiler, ['--version'], env)).code === 0) return compiler;
  }
  throw new EngineError(
    `The engine is linked to Node by a C++ compiler, and none was found (${candidates.join(', ')}): install one ` +
      `(${COMPILER_PACKAGES}), or set CXX. ` +
      'Prediction and evaluation run without the engine, on WebAssembly.',
  );
}

/**
 * Compiles an addon into the file `output`. It finds TensorFlow's libraries once it lies at its `addonPath`.
 * @param librariesFolder the folder of the engine, see `librariesFolder`.
 * @param more arguments of the compiler next to those that every addon is compiled with.
 * @throws EngineError with the compiler's first messages.
 */
export async function buildAddon(
  compiler: string,
  addon: AddonSource,
  librariesFolder: string,
  output: string,
  more: readonly string[] = [],
): Promise<void> {
  const args = [
    ...ADDON_FLAGS,
    ...[`-DNODE_GYP_MODULE_NAME=${addon.name}`, '-I', nodeHeadersFolder(), '-I', addon.folder, ...addon.sources],
    ...[...rpathFlags(addon), ...more, '-o', output],
  ];
  if (addon.tensorflow) args.push(...tensorflowArguments(join(librariesFolder, 'tensorflow')));
  if (process.platform === 'darwin') args.push('-undefined', 'dynamic_lookup');
  const { code, output: log } = await runCommand(compiler, args);
  if (code === 0) return;
  const first = log.trim().split('\n').slice(0, 20).join('\n');
  throw new EngineError(
    `${compiler} could not compile ${addon.name} (C++17 is needed: g++ 9, clang 10 or newer):\n${first}`,
  );
}

function tensorflowArguments(folder: string): string[] {
  const include = join(folder, 'include');
  const libraries = readdirSync(folder).filter((name) => /^libtensorflow_(cc|framework)\./.test(name));
  if (!existsSync(include) || libraries.length < 2) {
    throw new EngineError(
      `${folder} lacks TensorFlow's headers or libraries: run \`visualbert engine remove\` and \`visualbert engine install\`.`,
    );
  }
  return ['-I', include, ...libraries.map((name) => join(folder, name))];
}
