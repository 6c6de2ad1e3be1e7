// Kernels of the backend `graph`: tfjs-node's, but for those that would look at values while recording.
import * as tf from '@tensorflow/tfjs';
import { registerAdamWKernel } from './adamw.js';
import { TF_ATTR } from '../load/addon.js';
import { FUSED_KERNELS, registerFusedKernels } from './fused.js';
import type { GraphBackend } from '../recording/graph-backend.js';
import { PHILOX_UNIFORM } from '../../random/philox-uniform.js';
import { registerGraphPhilox } from './philox.js';
import { registerRowSums, ROW_SUM_KERNELS } from '../recording/row-sums.js';

type Kernel = (
  backend: GraphBackend,
  inputs: Record<string, tf.TensorInfo>,
  attrs: Record<string, unknown>,
) => tf.TensorInfo | tf.TensorInfo[];

const REPLACED: Record<string, Kernel> = {
  /** tfjs-node hands out the same data again, which the tape would then see assigned and disposed. */
  Identity: (backend, { x }) => backend.alias(x as tf.TensorInfo),

  /** See src/fused.ts. */
  After: (backend, { x, signal }) =>
    backend.tensorOf(
      backend.recording.after(backend.nodeOf(x as tf.TensorInfo), backend.nodeOf(signal as tf.TensorInfo)),
      'After',
    ),

  /** tfjs-node checks the indices in JavaScript. Here TensorFlow checks them in the run: on the CPU with an error, on a GPU rows become 0. */
  GatherV2: (backend, { x, indices }, { axis, batchDims }) =>
    backend.executeSingleOutput(
      'GatherV2',
      [{ name: 'batch_dims', type: TF_ATTR.int, value: batchDims }],
      [x as tf.TensorInfo, indices as tf.TensorInfo, tf.scalar(axis as number, 'int32')],
    ),
};

/** Kernels of the eager backend that are registered on their own here. */
const OWN: ReadonlySet<string> = new Set([...Object.keys(REPLACED), PHILOX_UNIFORM, ...FUSED_KERNELS]);

/**
 * Registers every kernel of tfjs-node for the graph backend, and on the CPU the fused ones.
 * @param updatesInPlace whether AdamW may write into the memory of variables: not where XLA reads them, since it computes on copies.
 */
export function registerGraphKernels(
  backendName: string,
  { computesOnCpu, updatesInPlace }: { computesOnCpu: boolean; updatesInPlace: boolean },
): void {
  const own = new Set([...OWN, ...(computesOnCpu ? ROW_SUM_KERNELS : [])]);
  for (const config of tf.getKernelsForBackend('tensorflow')) {
    if (!own.has(config.kernelName)) tf.registerKernel({ ...config, backendName });
  }
  for (const [kernelName, kernel] of Object.entries(REPLACED)) {
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs, backend }) =>
        kernel(backend as GraphBackend, inputs as Record<string, tf.TensorInfo>, attrs ?? {}),
    });
  }
  registerGraphPhilox(backendName);
  if (computesOnCpu) {
    registerFusedKernels(backendName, ROW_SUM_KERNELS);
    registerRowSums(backendName);
    if (updatesInPlace) registerAdamWKernel(backendName);
  }
}
