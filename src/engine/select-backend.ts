// Chooses the tfjs backend: the native engine when it is installed, else WebAssembly, else plain JavaScript.
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { EngineError, errorMessage } from '../errors.js';
import { createKernelBackend } from './kernel-backend.js';
import { loadNative } from './native.js';

/** `tensorflow`: the native engine. */
export type BackendName = 'tensorflow' | 'wasm' | 'cpu';

export interface BackendOptions {
  /** The one to use; absent: the best that works. Also by the environment variable `VISUALBERT_BACKEND`. */
  backend?: BackendName;
  /** Threads of one op; absent: as many as the machine has cores. Read once, when the engine is loaded. */
  threads?: number;
  /** Show TensorFlow's own log lines. */
  verbose?: boolean;
}

export interface BackendChoice {
  backend: BackendName;
  /** Why it is not a better one. */
  reason?: string;
}

/**
 * Registers and sets a backend.
 * @throws EngineError when the one that was asked for does not work. Without a request it never fails: plain JavaScript is always there.
 */
export async function selectBackend(options: BackendOptions = {}): Promise<BackendChoice> {
  const asked = options.backend ?? askedByEnvironment();
  if (asked !== undefined) {
    await START[asked](options);
    return { backend: asked };
  }
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

function askedByEnvironment(): BackendName | undefined {
  const name = process.env.VISUALBERT_BACKEND;
  if (!name) return undefined;
  if (name === 'tensorflow' || name === 'wasm' || name === 'cpu') return name;
  throw new EngineError(`VISUALBERT_BACKEND: expected tensorflow, wasm or cpu, received '${name}'.`);
}

const START: Record<BackendName, (options: BackendOptions) => Promise<void>> = {
  tensorflow: async (options) => {
    const native = loadNative(options);
    if (tf.findBackend('tensorflow') === null) tf.registerBackend('tensorflow', () => createKernelBackend(native), 3);
    await setBackend('tensorflow');
  },
  wasm: async ({ threads }) => {
    const require = createRequire(import.meta.url);
    const path = '@tensorflow/tfjs-backend-wasm';
    const wasm = require(path) as typeof import('@tensorflow/tfjs-backend-wasm');
    wasm.setWasmPaths(dirname(require.resolve(path)) + sep);
    if (threads) wasm.setThreadsCount(threads);
    await setBackend('wasm');
  },
  cpu: async () => {
    // tfjs greets with the advice to install tfjs-node; the engine is what serves here.
    const backend = tf.findBackend('cpu') as { firstUse?: boolean } | null;
    if (backend !== null) backend.firstUse = false;
    await setBackend('cpu');
  },
};

async function setBackend(name: BackendName): Promise<void> {
  if (!(await tf.setBackend(name))) throw new EngineError(`The backend ${name} of TensorFlow.js could not be started.`);
  await tf.ready();
}
