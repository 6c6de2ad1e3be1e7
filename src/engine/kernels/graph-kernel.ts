// The interface of kernels that replace those of tfjs-node in the backend `graph`.
import type * as tf from '@tensorflow/tfjs';
import type { GraphBackend } from '../recording/graph-backend.js';
import type { OperationTable } from '../recording/operation-traits.js';

export interface GraphKernel {
  name: string;
  /** The operations of native/kernels that it adds, with their traits; absent: it adds TensorFlow's own only. */
  operations?: OperationTable;
  /** Whether its operations exist on a GPU too. */
  runsOnGpu: boolean;
  /** Whether it writes into the memory of variables. */
  writesInPlace: boolean;
  record: (
    backend: GraphBackend,
    inputs: Record<string, tf.TensorInfo>,
    attrs: Record<string, unknown>,
  ) => tf.TensorInfo | tf.TensorInfo[];
}
