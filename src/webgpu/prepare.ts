// tfjs's WebGPU backend made exact and fast: it gets our kernels, its softmax is mended, and what goes wrong on the device, which it leaves to a
// callback while the numbers go on wrong, ends the next read of results.
import * as tf from '@tensorflow/tfjs';
import { EngineError } from '../errors.js';
import type { WebGpuBackend } from './kernel.js';
import { registerWebGpuKernels } from './register.js';

const prepared = new WeakSet<WebGpuBackend>();

/**
 * Prepares the current backend where it is WebGPU's: our kernels serve, and from now on, reading a tensor throws an EngineError once the device has reported an error or
 * is lost, since the values computed since are not to be trusted. Does nothing on other backends, or when it is called again.
 */
export function prepareWebGpu(): void {
  if (tf.engine().backendName !== 'webgpu') return;
  const backend = tf.backend() as unknown as WebGpuBackend;
  if (prepared.has(backend)) return;
  prepared.add(backend);
  watchDevice(backend);
  mendSoftmax();
  registerWebGpuKernels();
}

/** Its kernel begins the search for the largest score here, and gives NaN for a row of lower ones: a wholly masked one. */
const LEAST_SCORE = -3.4e38;

let isSoftmaxMended = false;

function mendSoftmax(): void {
  const kernel = tf.getKernel('Softmax', 'webgpu');
  if (isSoftmaxMended || kernel === undefined) return;
  isSoftmaxMended = true;
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
    `WebGPU: ${failure}. What was computed since then is wrong: load the model again from its last checkpoint, in a new process or page.`,
  );
}
