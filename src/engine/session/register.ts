// Registers the backend `graph` with its kernels.
import { tf } from '#tf';
import { createKernelBackend } from '../load/kernel-backend.js';
import type { NativeEngine } from '../load/native.js';
import { createGraphBackend, GRAPH, type GraphBackend } from '../recording/graph-backend.js';
import { registerGraphKernels } from '../kernels/graph-kernels.js';

/** The backend, registered on first use. */
export function graphBackend(native: NativeEngine): GraphBackend {
  const registered = tf.findBackend(GRAPH) as GraphBackend | null;
  if (registered !== null) return registered;
  // tfjs-node's kernels ask the backend of this name for TensorFlow's constants.
  if (tf.findBackend('tensorflow') === null) tf.registerBackend('tensorflow', () => createKernelBackend(native), 3);
  const backend = createGraphBackend(native);
  tf.registerBackend(GRAPH, () => backend, 0);
  registerGraphKernels(GRAPH, {
    computesOnCpu: !native.binding.isUsingGpuDevice(),
    updatesInPlace: !native.info.xla,
  });
  return backend;
}
