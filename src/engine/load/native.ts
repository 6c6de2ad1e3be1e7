// Loads an installed engine: the libraries, tfjs-node's binding and kernels, and our own addon.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { z } from 'zod';
import { EngineError, errorMessage } from '../../errors.js';
import { oneOf, truth, wholeNumber } from '../../options.js';
import { inThisRealm, type TfjsBinding } from './binding.js';
import { findEngine } from './find-engine.js';
import { DEVICE_KINDS, type EngineId } from './engine-id.js';
import { addonFile, addonSources, findTfjsNodeFolder, librariesFolder, tfjsNodeFolder } from './paths.js';
import { requireCpu } from './requirements.js';

/** A loaded engine. */
export interface NativeEngine {
  readonly binding: TfjsBinding;
  /** Our addon `visualbert_graph`, loaded on first use; callers cast it to its type. Null when it was not compiled from the current sources. */
  readonly graph: object | null;
  readonly info: EngineId & ResolvedNativeOptions & { folder: string };
  /** Returns the memory of the libraries' code and constants to the system; what is used again is mapped anew from its file cache. */
  dropLibraryPages(): void;
}

/** The options of a loaded engine, with all defaults filled in. */
export interface ResolvedNativeOptions {
  /** Threads of one op. */
  readonly threads: number;
  /** Ops that may run at once. */
  readonly interOpThreads: number;
  readonly gpuMemoryGrowth: boolean;
  readonly xla: boolean;
}

/** The options that TensorFlow reads once, when it is loaded: names, checks and help texts. */
export const NATIVE_OPTIONS = {
  device: oneOf(DEVICE_KINDS)
    .optional()
    .describe('which native engine, when both are installed; default: VISUALBERT_DEVICE, else the one installed last'),
  threads: wholeNumber(0).optional().describe('threads of one operation; default, and for 0: one per core'),
  interOpThreads: wholeNumber(0)
    .optional()
    .describe(
      'operations of a recorded function that run in parallel; default, and for 0: 1, since each uses all cores',
    ),
  gpuMemoryGrowth: truth()
    .optional()
    .describe(
      'allocate GPU memory as needed instead of all at once; default: yes, or what TF_FORCE_GPU_ALLOW_GROWTH says',
    ),
  xla: truth()
    .optional()
    .describe('let XLA compile parts of recorded functions; default: no, or what TF_XLA_FLAGS says'),
};

/** Options that TensorFlow reads once, when it is loaded. */
export interface NativeOptions extends z.input<z.ZodObject<typeof NATIVE_OPTIONS>> {
  /** Show TensorFlow's own log lines. */
  verbose?: boolean;
}

const NAMES = Object.keys(NATIVE_OPTIONS) as (keyof typeof NATIVE_OPTIONS)[];

const require = createRequire(import.meta.url);
let loaded: NativeEngine | null = null;

/**
 * Loads the engine; the second call returns the first one's.
 * @throws EngineError when it is not installed, does not fit the machine or cannot be loaded.
 */
export function loadNative(options: NativeOptions = {}): NativeEngine {
  requireSameOptions(options);
  if (loaded !== null) return loaded;
  const id = findEngine(
    options.device === undefined ? process.env : { ...process.env, VISUALBERT_DEVICE: options.device },
  );
  requireCpu(id.arch);
  const files = new Map(addonSources().map((addon) => [addon.name, addonFile(id, addon)]));
  const loader = openLoader(files.get('visualbert_loader'), options);
  const resolved = resolveOptions(options);
  try {
    if (!options.verbose) loader?.holdStderr();
    const binding = inThisRealm(require(files.get('tfjs_binding') ?? '') as TfjsBinding);
    const graphFile = files.get('visualbert_graph');
    let graph: object | null | undefined;
    loaded = {
      binding,
      get graph() {
        return (graph ??= graphFile !== undefined && existsSync(graphFile) ? inThisRealm(require(graphFile)) : null);
      },
      info: { ...id, folder: librariesFolder(id), ...resolved },
      dropLibraryPages: () => loader?.dropLibraryPages(),
    };
    loaded.dropLibraryPages(); // 240 MB that only loading needs
    return loaded;
  } catch (error) {
    throw new EngineError(
      `The native engine in ${librariesFolder(id)} cannot be loaded: ${errorMessage(error)}\n` +
        'Run `npx visualbert engine remove` and `npx visualbert engine install`.',
      { cause: error },
    );
  } finally {
    const errors = loader?.releaseStderr().match(/^[EF]\d{4} .*$/gm) ?? [];
    for (const line of errors) process.stderr.write(`${line}\n`);
  }
}

function resolveOptions({ threads, interOpThreads, xla, gpuMemoryGrowth }: NativeOptions): ResolvedNativeOptions {
  return {
    threads: threads || Number(process.env.TF_NUM_INTRAOP_THREADS) || availableParallelism(),
    interOpThreads: interOpThreads || 1,
    gpuMemoryGrowth: gpuMemoryGrowth ?? process.env.TF_FORCE_GPU_ALLOW_GROWTH !== 'false',
    xla: xla ?? /auto_jit=[12]/.test(process.env.TF_XLA_FLAGS ?? ''),
  };
}

/** @throws EngineError for an option that cannot be used. */
export function requireNativeOptions(options: NativeOptions): void {
  for (const name of NAMES) {
    const { error } = NATIVE_OPTIONS[name].safeParse(options[name]);
    if (error !== undefined) throw new EngineError(`${name}: ${error.issues[0]?.message}.`);
  }
}

/** @throws EngineError for invalid options, and when the engine is loaded with other options: TensorFlow reads them once. */
export function requireSameOptions(options: NativeOptions): void {
  requireNativeOptions(options);
  if (loaded === null) return;
  for (const key of NAMES) {
    const [requested, present] = [options[key], loaded.info[key]];
    if (requested === undefined || requested === 0 || requested === present) continue;
    throw new EngineError(
      `The engine runs with ${key} ${present} and cannot change to ${requested}: set it before the first tensor is created.`,
    );
  }
}

/** The addon that prepares the process for TensorFlow's libraries. */
interface Loader {
  set(name: string, value: string): void;
  setDefault(name: string, value: string): void;
  holdStderr(): void;
  releaseStderr(): string;
  dropLibraryPages(): void;
}

/** Sets what TensorFlow reads from its environment when its libraries are loaded. Variables that the user has set are kept, except those for threads. */
function openLoader(
  file: string | undefined,
  { threads, interOpThreads, xla = false, verbose = false, gpuMemoryGrowth }: NativeOptions,
): Loader | null {
  if (file === undefined || !existsSync(file)) return null;
  const loader = require(file) as Loader;
  // 2: errors only.
  if (!verbose) loader.setDefault('TF_CPP_MIN_LOG_LEVEL', '2');
  // By default TensorFlow uses oneDNN only with AVX-512 or newer; with AVX2 its own products take half as long again.
  if (process.arch === 'x64') loader.setDefault('TF_ENABLE_ONEDNN_OPTS', '1');
  if (gpuMemoryGrowth === undefined) loader.setDefault('TF_FORCE_GPU_ALLOW_GROWTH', 'true');
  else loader.set('TF_FORCE_GPU_ALLOW_GROWTH', String(gpuMemoryGrowth));
  if (threads) loader.set('TF_NUM_INTRAOP_THREADS', String(threads));
  if (interOpThreads) loader.set('TF_NUM_INTEROP_THREADS', String(interOpThreads));
  // Without it XLA does not compile operations on the CPU.
  if (xla) loader.setDefault('TF_XLA_FLAGS', '--tf_xla_cpu_global_jit');
  return loader;
}

/** The part of tfjs-node's JavaScript that the engine uses. */
export interface TfjsNodeModule {
  NodeJSKernelBackend: new (binding: TfjsBinding, packageName: string) => object;
}

/**
 * tfjs-node's backend class, with its kernels registered under the name `tensorflow`. Its `index.js`, which would load another binary, is never imported.
 * @throws EngineError when it sees another copy of TensorFlow.js than the package does.
 */
export function loadTfjsNode(): TfjsNodeModule {
  const dist = join(tfjsNodeFolder(), 'dist');
  const requireThere = createRequire(join(dist, 'nodejs_kernel_backend.js'));
  requireOneTfjs();
  replaceRemovedUtil();
  const module = requireThere('./nodejs_kernel_backend.js') as TfjsNodeModule;
  requireThere('./register_all_kernels.js');
  return module;
}

/**
 * Looks for a second copy of TensorFlow.js. The kernels must use the package's copy; a program that imports another gets a warning.
 * @param program the script that Node was started with.
 * @throws EngineError naming both copies when the kernels use another one.
 */
export function requireOneTfjs(program: string | undefined = process.argv[1]): void {
  const ours = require.resolve('@tensorflow/tfjs');
  const folder = findTfjsNodeFolder();
  const kernels =
    folder === null
      ? ours
      : createRequire(join(folder, 'dist', 'nodejs_kernel_backend.js')).resolve('@tensorflow/tfjs');
  if (kernels !== ours) throw new EngineError(secondCopyMessage([ours, kernels]));
  const programs = program === undefined ? null : resolveFrom(program);
  if (programs !== null && programs !== ours) process.emitWarning(secondCopyMessage([ours, programs]));
}

function resolveFrom(file: string): string | null {
  try {
    return createRequire(file).resolve('@tensorflow/tfjs');
  } catch {
    return null;
  }
}

/** Error message about two copies of TensorFlow.js. */
export function secondCopyMessage(paths: readonly string[]): string {
  return (
    `Two copies of @tensorflow/tfjs are installed, and tensors of one cannot be used with the other:\n${paths.map((path) => `  ${path}`).join('\n')}\n` +
    'Keep one: `npm ls @tensorflow/tfjs` shows which package depends on the other, `npm dedupe` or an "overrides" entry in package.json removes it.'
  );
}

/** tfjs-node 4.22 calls util functions that Node 22 warns of and Node 23 removed. */
function replaceRemovedUtil(): void {
  if (Number(process.versions.node.split('.')[0]) < 22) return;
  const target = require('node:util') as Record<string, unknown>;
  Object.defineProperty(target, 'isNullOrUndefined', {
    value: (x: unknown) => x === null || x === undefined,
    configurable: true,
    writable: true,
  });
  Object.defineProperty(target, 'isArray', { value: Array.isArray, configurable: true, writable: true });
}
