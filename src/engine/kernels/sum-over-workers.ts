// The kernel `SumOverWorkers` of src/fused.ts: TensorFlow's own collective sum, over gRPC, or NCCL between GPUs.
import type * as tf from '@tensorflow/tfjs';
import { EngineError } from '../../errors.js';
import { TF_ATTR, TF_DTYPE, type OperationAttribute } from '../load/addon.js';
import { typeAttribute } from '../recording/tensorflow-values.js';
import type { GraphKernel } from './graph-kernel.js';

/** Key of the one group, which holds every worker. */
const GROUP = 1;

const text = (name: string, value: string): OperationAttribute => ({ name, type: TF_ATTR.string, value });

/** The kernel of recordings whose session belongs to a cluster. It fails when another worker is `timeoutSeconds` late. */
export const SUM_OVER_WORKERS_KERNEL: GraphKernel = {
  name: 'SumOverWorkers',
  runsOnGpu: true,
  writesInPlace: false,
  record: (backend, { x }, attributes) => {
    const { recording } = backend;
    const { workers, instance, timeoutSeconds, isLow } = attributes;
    const cast = (value: number, dtype: number): number =>
      recording.output('Cast', [value], [typeAttribute('DstT', dtype)]);
    const full = recording.full(backend.nodeOf(x as tf.TensorInfo));
    const [size, group, key] = [workers, GROUP, instance].map((value) =>
      recording.full(recording.constant(Int32Array.of(Number(value)), [], 'int32')),
    ) as [number, number, number];
    const { operation, nodes } = recording.operation(
      'CollectiveReduceV2',
      [isLow === true ? cast(full, TF_DTYPE.bfloat16) : full, size, group, key, []],
      [
        text('merge_op', 'Add'),
        text('final_op', 'Id'),
        { name: 'timeout_seconds', type: TF_ATTR.float, value: timeoutSeconds },
      ],
    );
    const [sum] = nodes;
    if (sum === undefined) throw new EngineError(`CollectiveReduceV2 ${operation} gave no output`);
    return backend.tensorOf(sum, 'SumOverWorkers');
  },
};
