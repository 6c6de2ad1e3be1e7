// Prepares tfjs's WebGPU backend: registers our kernels, fixes its softmax, and makes device errors, which tfjs only reports to a callback, throw
// at the next read of results.
import { tf } from '#tf';
import { EngineError } from '../errors.js';
import type { WebGpuBackend } from './kernel.js';
import { registerWebGpuKernels } from './register.js';

const prepared = new WeakSet<WebGpuBackend>();

/**
 * Prepares the current backend if it is WebGPU: registers our kernels, and from then on reading a tensor throws an EngineError once the device has
 * reported an error or is lost, since later values may be wrong. Does nothing on other backends, or when called again.
 */
export function prepareWebGpu(): void {
  if (tf.engine().backendName !== 'webgpu') return;
  const backend = tf.backend() as unknown as WebGpuBackend;
  if (prepared.has(backend)) return;
  prepared.add(backend);
  watchDevice(backend);
  fixSoftmax();
  registerWebGpuKernels();
}

/** Initial maximum of tfjs's softmax kernel, which returns NaN for a row of lower scores: a fully masked one. */
const LEAST_SCORE = -3.4e38;

let isSoftmaxFixed = false;

function fixSoftmax(): void {
  const kernel = tf.getKernel('Softmax', 'webgpu');
  if (isSoftmaxFixed || kernel === undefined) return;
  isSoftmaxFixed = true;
  tf.unregisterKernel('Softmax', 'webgpu');
  tf.registerKernel({
    ...kernel,
    kernelFunc: (call) => {
      const raised = tf.maximum(call.inputs['logits'] as tf.Tensor, LEAST_SCORE);
      const result = kernel.kernelFunc({ ...call, inputs: { logits: raised } });
      raised.dispose();
      return result;
    },
  });
}

function watchDevice(backend: WebGpuBackend): void {
  let failure: string | null = null;
  backend.device.addEventListener('uncapturederror', (event) => {
    event.preventDefault();
    failure ??= (event as Event & { error: { message: string } }).error.message;
  });
  void backend.device.lost.then(({ reason, message }) => (failure ??= `the device is lost (${message || reason})`));
  const read = backend.read.bind(backend);
  backend.read = async (dataId) => {
    const values = await read(dataId).catch((error: unknown) => {
      throw failure === null ? error : webGpuError(failure);
    });
    if (failure !== null) throw webGpuError(failure);
    return values;
  };
}

function webGpuError(failure: string): EngineError {
  return new EngineError(
    `WebGPU: ${failure}. Results computed since then are wrong: load the model from its last checkpoint in a new process or page.`,
  );
}
