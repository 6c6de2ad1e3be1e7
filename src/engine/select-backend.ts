// Chooses the tfjs backend: the native engine when it is installed, else WebAssembly, else plain JavaScript.
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import { tf } from '#tf';
import type * as Wasm from '@tensorflow/tfjs-backend-wasm';
import { EngineError, errorMessage } from '../errors.js';
import { registerAllFinite } from './kernels/all-finite.js';
import type { GraphAddon } from './load/addon.js';
import { registerFusedKernels } from './kernels/fused.js';
import { registerEagerPhilox } from './kernels/philox.js';
import { createKernelBackend } from './load/kernel-backend.js';
import { findEngine } from './load/find-engine.js';
import {
  loadNative,
  NATIVE_OPTIONS,
  type NativeOptions,
  requireNativeOptions,
  requireOneTfjs,
  requireSameOptions,
} from './load/native.js';
import type { DeviceKind } from './load/engine-id.js';
import { installedFile, missingPart } from './load/paths.js';
import { oneOf, requireKinds } from '../options.js';
import { importWebGpu } from './load/webgpu.js';
import { prepareWebGpu } from '../webgpu/prepare.js';

/** `tensorflow`: the native engine. `webgpu`: any graphics card, through the packages webgpu and @tensorflow/tfjs-backend-webgpu; only on request. */
export const BACKEND_NAMES = ['tensorflow', 'webgpu', 'wasm', 'cpu'] as const;
/** Names of the backends. */
export type BackendName = (typeof BACKEND_NAMES)[number];

/** The backend, and the options of the native engine, which are read once, when it is loaded. */
export const BACKEND_OPTIONS = {
  backend: oneOf(BACKEND_NAMES)
    .optional()
    .describe(
      'default: VISUALBERT_BACKEND, else the best that works; training does not fall back from the native engine to another',
    ),
  ...NATIVE_OPTIONS,
};

/** The engine's own options are read once, when it is loaded. */
export interface BackendOptions extends NativeOptions {
  backend?: BackendName;
}

/** Options of `selectBackend`. */
export interface BackendChoice {
  backend: BackendName;
  /** Why a better backend was not chosen. */
  reason?: string;
}

const ENGINE = 'tensorflow';

/**
 * Registers and sets a backend.
 * @throws EngineError when the requested backend or device is unknown or does not work, and when the engine already runs with other
 * settings. Without a request it does not fail: plain JavaScript always works.
 * @example
 * const { backend, reason } = await selectBackend(); // the best that works: tensorflow with the native engine
 * if (reason !== undefined) console.log(`${backend}: ${reason}`);
 */
export async function selectBackend(options: BackendOptions = {}): Promise<BackendChoice> {
  requireKinds('selectBackend', { 'an object': { options } });
  const { device, backend } = options;
  requireNativeOptions(options);
  if (backend !== undefined) requireBackendName('backend', backend);
  // Only the engine has devices.
  const asked = backend ?? askedByEnvironment() ?? (device === undefined ? undefined : ENGINE);
  if (asked !== undefined) {
    if (device !== undefined && asked !== ENGINE) {
      throw new EngineError(
        `device ${device}: only the native engine has devices, received backend ${asked}; leave out one of them.`,
      );
    }
    await START[asked](options);
    return { backend: asked };
  }
  requireSameOptions(options);
  const reasons: string[] = [];
  for (const backend of ['tensorflow', 'wasm', 'cpu'] as const) {
    try {
      await START[backend](options);
      return reasons.length > 0 ? { backend, reason: reasons.join(' ') } : { backend };
    } catch (error) {
      reasons.push(errorMessage(error));
    }
  }
  throw new EngineError(`No backend of TensorFlow.js works: ${reasons.join(' ')}`);
}

/**
 * Run when `visualbert-tfjs/node` is imported: tfjs will start an installed engine at the first op, because loading it takes a third
 * of a second, which reading a file header or printing a help text does not need. Other backends are started now.
 */
export async function prepareBackend(): Promise<BackendChoice> {
  const asked = askedByEnvironment();
  requireOneTfjs();
  if (asked !== undefined && asked !== 'tensorflow') return selectBackend();
  try {
    findEngine();
  } catch (error) {
    if (asked === 'tensorflow') throw error;
    return selectBackend();
  }
  registerEngine({});
  return { backend: 'tensorflow' };
}

/** tfjs chooses its backend at the first op; `tf.getBackend()` before that starts it as well, instead of returning undefined. */
function startWhenAsked(): void {
  const engine = tf.engine();
  let name = engine.backendName as string | undefined;
  let isStarting = false;
  Object.defineProperty(engine, 'backendName', {
    configurable: true,
    enumerable: true,
    set: (value: string | undefined) => (name = value),
    get: () => {
      if (name !== undefined || isStarting) return name;
      isStarting = true;
      try {
        void engine.backend; // sets the name
      } finally {
        isStarting = false;
      }
      return name;
    },
  });
}

/**
 * Training needs the native engine, or a backend that was chosen by name. Loads the engine, with its options.
 * @throws EngineError when there is none: it says what to install, and that prediction and evaluation work without it.
 * @example
 * requireTrainingEngine(); // before data and model are opened
 */
export function requireTrainingEngine(options: NativeOptions = {}): void {
  requireKinds('requireTrainingEngine', { 'an object': { options } });
  if (askedByEnvironment() !== undefined) return;
  try {
    loadNative(options);
  } catch (error) {
    throw new EngineError(
      `Training needs the native engine. ${errorMessage(error)} Prediction and evaluation run without it, on WebAssembly; ` +
        "--backend webgpu (in code selectBackend({ backend: 'webgpu' })) trains on a graphics card of any maker, --backend wasm on the processor, " +
        'slowly, though six times faster than cpu.',
      { cause: error },
    );
  }
}

function registerEngine(options: BackendOptions): void {
  // Above plain JavaScript (1) and WebAssembly (2).
  if (ENGINE in tf.engine().registryFactory) return;
  const start = (): tf.KernelBackend => {
    const native = loadNative(options);
    if (native.graph !== null && !native.binding.isUsingGpuDevice()) registerFusedKernels(ENGINE);
    if (native.graph !== null) registerAllFinite(ENGINE, native.graph as GraphAddon);
    return createKernelBackend(native);
  };
  tf.registerBackend(ENGINE, start, 3);
  registerEagerPhilox(ENGINE);
  startWhenAsked();
}

function askedByEnvironment(): BackendName | undefined {
  const name = process.env.VISUALBERT_BACKEND;
  if (!name) return undefined;
  requireBackendName('VISUALBERT_BACKEND', name);
  return name;
}

function requireBackendName(what: string, name: string): asserts name is BackendName {
  if ((BACKEND_NAMES as readonly string[]).includes(name)) return;
  throw new EngineError(`${what}: expected ${BACKEND_NAMES.join(', ')}, received '${name}'.`);
}

/** @throws EngineError when a GPU was requested and TensorFlow found none: it would compute on the CPU instead. */
export function requireGpu(device: DeviceKind | undefined, isUsingGpu: () => boolean): void {
  if (device !== 'gpu' || isUsingGpu()) return;
  throw new EngineError(
    'device gpu: TensorFlow finds no GPU to compute on; `npx visualbert engine info` says which driver or library it lacks.',
  );
}

const START: Record<BackendName, (options: BackendOptions) => Promise<void>> = {
  tensorflow: async (options) => {
    // Loaded here and not by tfjs, which would print the reason of a failure and try another backend.
    const { binding } = loadNative(options);
    requireGpu(options.device, () => binding.isUsingGpuDevice());
    registerEngine(options);
    await setBackend(ENGINE);
  },
  webgpu: async () => {
    await importWebGpu();
    await setBackend('webgpu');
    prepareWebGpu();
  },
  wasm: async ({ threads }) => {
    const require = createRequire(import.meta.url);
    const file = installedFile('@tensorflow/tfjs-backend-wasm');
    if (file === null) throw missingPart('the package @tensorflow/tfjs-backend-wasm');
    const wasm = require(file) as typeof Wasm;
    wasm.setWasmPaths(dirname(file) + sep);
    if (threads) wasm.setThreadsCount(threads);
    await setBackend('wasm');
  },
  cpu: async () => {
    // tfjs would print the advice to install tfjs-node, which the engine replaces.
    const backend = tf.findBackend('cpu') as { firstUse?: boolean } | null;
    if (backend !== null) backend.firstUse = false;
    await setBackend('cpu');
  },
};

async function setBackend(name: BackendName): Promise<void> {
  if (!(await tf.setBackend(name))) throw new EngineError(`The backend ${name} of TensorFlow.js could not be started.`);
  await tf.ready();
}
