// Kernels of the backend `graph`: tfjs-node's, except those that would read values while recording.
import { tf } from '#tf';
import { TF_ATTR } from '../load/addon.js';
import type { GraphBackend } from '../recording/graph-backend.js';
import type { Node } from '../recording/node.js';
import { type OperationTable, TENSORFLOW_OPERATIONS } from '../recording/operation-traits.js';
import { PREDICTION_OPERATIONS } from '../recording/packed.js';
import { ADAMW_KERNEL } from './adamw.js';
import { FUSED_KERNELS } from './fused.js';
import type { GraphKernel } from './graph-kernel.js';
import { PHILOX_KERNEL } from './philox.js';
import { ROW_SUM_KERNELS } from './row-sums.js';
import { WORKER_SUM_KERNELS } from './sum-over-workers.js';
import { WINOGRAD_KERNEL } from './winograd.js';

const EVERYWHERE = { runsOnGpu: true, writesInPlace: false };

/** Of two with the same name, the later one is used. */
const KERNELS: readonly GraphKernel[] = [
  {
    /** tfjs-node returns the same data again, which the gradient tape would then see assigned and disposed. */
    name: 'Identity',
    ...EVERYWHERE,
    record: (backend, { x }) => backend.alias(x as tf.TensorInfo),
  },
  {
    /** See src/fused.ts. */
    name: 'After',
    ...EVERYWHERE,
    record: (backend, { x, signal }) => {
      const [node, awaited] = [x, signal].map((tensor) => backend.nodeOf(tensor as tf.TensorInfo)) as [Node, Node];
      return backend.tensorOf(backend.recording.after(node, awaited), 'After');
    },
  },
  {
    /** See src/fused.ts. */
    name: 'LimitRows',
    runsOnGpu: false,
    writesInPlace: false,
    record: (backend, { x, rowSplits }) => {
      const [node, limit] = [x, rowSplits].map((tensor) => backend.nodeOf(tensor as tf.TensorInfo)) as [Node, Node];
      return backend.tensorOf({ ...node, limit: limit.full.value }, 'LimitRows');
    },
  },
  {
    /** tfjs-node checks the indices in JavaScript. Here TensorFlow checks them at run time: on the CPU with an error, on a GPU such rows become 0. */
    name: 'GatherV2',
    ...EVERYWHERE,
    record: (backend, { x, indices }, { axis, batchDims }) =>
      backend.executeSingleOutput(
        'GatherV2',
        [{ name: 'batch_dims', type: TF_ATTR.int, value: batchDims }],
        [x as tf.TensorInfo, indices as tf.TensorInfo, tf.scalar(axis as number, 'int32')],
      ),
  },
  PHILOX_KERNEL,
  ...FUSED_KERNELS,
  ...ROW_SUM_KERNELS,
  ADAMW_KERNEL,
  WINOGRAD_KERNEL,
  ...WORKER_SUM_KERNELS,
];

/** The traits of every operation that has any. */
export const OPERATIONS: OperationTable = Object.assign(
  {},
  TENSORFLOW_OPERATIONS,
  PREDICTION_OPERATIONS,
  ...KERNELS.map(({ operations }) => operations),
) as OperationTable;

/**
 * Registers our kernels that work on this device, and tfjs-node's for all others.
 * @param updatesInPlace whether a kernel may write into the memory of variables: not with XLA, which computes on copies.
 */
export function registerGraphKernels(
  backendName: string,
  { computesOnCpu, updatesInPlace }: { computesOnCpu: boolean; updatesInPlace: boolean },
): void {
  const serving = KERNELS.filter(
    ({ runsOnGpu, writesInPlace }) => (runsOnGpu || computesOnCpu) && (updatesInPlace || !writesInPlace),
  );
  const own = new Map(serving.map((kernel) => [kernel.name, kernel]));
  for (const config of tf.getKernelsForBackend('tensorflow')) {
    if (!own.has(config.kernelName)) tf.registerKernel({ ...config, backendName });
  }
  for (const [kernelName, { record }] of own) {
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs, backend }) =>
        record(backend as GraphBackend, inputs as Record<string, tf.TensorInfo>, attrs ?? {}),
    });
  }
}
