// The backends of the page: TensorFlow.js backends, loaded when they are chosen.
import wasmUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simdUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import threadedUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url';
import { EngineError, tf } from '../../src/index.js';

export const BACKENDS = ['webgpu', 'webgl', 'wasm', 'cpu'] as const;
export type Backend = (typeof BACKENDS)[number];

/** Makes a backend the current one. @throws EngineError where the browser has none; the current one then stays */
export async function chooseBackend(backend: Backend): Promise<void> {
  if (backend === 'webgpu') await import('@tensorflow/tfjs-backend-webgpu');
  if (backend === 'wasm') {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    setWasmPaths({
      'tfjs-backend-wasm.wasm': wasmUrl,
      'tfjs-backend-wasm-simd.wasm': simdUrl,
      'tfjs-backend-wasm-threaded-simd.wasm': threadedUrl,
    });
  }
  const before = tf.engine().backendName;
  const isThere = await tf.setBackend(backend).catch(() => false);
  if (!isThere) {
    if (before) await tf.setBackend(before);
    throw new EngineError(`this browser cannot compute on ${backend}; choose another backend`);
  }
  await tf.ready();
}

/** The first backend that the browser has. */
export async function bestBackend(): Promise<Backend> {
  const adapter =
    'gpu' in navigator ? await (navigator.gpu as { requestAdapter(): Promise<unknown> }).requestAdapter() : null;
  if (adapter !== null) return 'webgpu';
  return document.createElement('canvas').getContext('webgl2') === null ? 'wasm' : 'webgl';
}
