// A kernel of the backend `graph` that replaces tfjs-node's, and where it can be used.
import type * as tf from '@tensorflow/tfjs';
import type { GraphBackend } from '../recording/graph-backend.js';

export interface GraphKernel {
  name: string;
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
