// The kernels `SumOverWorkers` and `SumRowsOverWorkers` of src/fused.ts: TensorFlow's own collectives, over gRPC, or NCCL between GPUs.
import type * as tf from '@tensorflow/tfjs';
import { TF_ATTR, TF_DTYPE, type OperationAttribute, type OutputNumber } from '../load/addon.js';
import { Lazy } from '../recording/lazy.js';
import type { Node } from '../recording/node.js';
import type { Recording } from '../recording/recording.js';
import { typeAttribute } from '../recording/tensorflow-values.js';
import type { GraphKernel } from './graph-kernel.js';

/** Key of the one group, which holds every worker. */
const GROUP = 1;

const text = (name: string, value: string): OperationAttribute => ({ name, type: TF_ATTR.string, value });

/** Attributes of both kernels: `workers`, `instance`, `timeoutSeconds`, `isLow`. */
type Attributes = Readonly<Record<string, unknown>>;

function numberOf(recording: Recording, value: number): OutputNumber {
  return recording.constant(Int32Array.of(value), [], 'int32').full.value;
}

/** An operation that all workers run together. It fails when another worker is `timeoutSeconds` late. */
function collective(
  recording: Recording,
  type: 'CollectiveReduceV2' | 'CollectiveGatherV2',
  value: OutputNumber,
  { workers, instance, timeoutSeconds }: Attributes,
): OutputNumber {
  const keys = [workers, GROUP, instance].map((key) => numberOf(recording, Number(key)));
  return recording.output(
    type,
    [value, ...keys, []],
    [
      ...(type === 'CollectiveReduceV2' ? [text('merge_op', 'Add'), text('final_op', 'Id')] : []),
      { name: 'timeout_seconds', type: TF_ATTR.float, value: timeoutSeconds },
    ],
  );
}

function sumOf(recording: Recording, value: OutputNumber, attributes: Attributes): OutputNumber {
  const cast = (x: OutputNumber, dtype: number): OutputNumber =>
    recording.output('Cast', [x], [typeAttribute('DstT', dtype)]);
  if (attributes['isLow'] !== true) return collective(recording, 'CollectiveReduceV2', value, attributes);
  const sum = collective(recording, 'CollectiveReduceV2', cast(value, TF_DTYPE.bfloat16), attributes);
  return cast(sum, TF_DTYPE.float32);
}

/** The kernels of recordings whose session belongs to a cluster. */
export const WORKER_SUM_KERNELS: readonly GraphKernel[] = [
  {
    name: 'SumOverWorkers',
    runsOnGpu: true,
    writesInPlace: false,
    record: (backend, { x }, attributes) => {
      const { recording } = backend;
      const node = backend.nodeOf(x as tf.TensorInfo);
      const sum = Lazy.of(sumOf(recording, node.full.value, attributes));
      return backend.tensorOf(recording.value(node.shape, node.dtype, sum), 'SumOverWorkers');
    },
  },
  {
    name: 'SumRowsOverWorkers',
    runsOnGpu: true,
    writesInPlace: false,
    record: (backend, { x, rows }, attributes) => {
      const { recording } = backend;
      const [table, ids] = [x, rows].map((tensor) => backend.nodeOf(tensor as tf.TensorInfo)) as [Node, Node];
      const axis = numberOf(recording, 0);
      const last = numberOf(recording, -1);
      const values = table.full.value;
      const all = collective(recording, 'CollectiveGatherV2', ids.full.value, {
        ...attributes,
        instance: Number(attributes['instance']) ^ 1,
      });
      const sum = sumOf(recording, recording.output('GatherV2', [values, all, axis], []), attributes);
      // A row that several examples read is there as often, each time with the same sum.
      const indices = recording.output('ExpandDims', [all, last], []);
      const updated = Lazy.of(recording.output('TensorScatterUpdate', [values, indices, sum], []));
      return backend.tensorOf(recording.value(table.shape, table.dtype, updated), 'SumRowsOverWorkers');
    },
  },
];
