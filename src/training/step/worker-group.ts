// The workers that share each update, as a training step sees them.
import type { WorkerServer } from '../../engine/session/contract.js';

/** Precisions in which workers may send gradients. */
export const WIRE_PRECISIONS = ['fp32', 'bf16'] as const;
/** A precision in which gradients are sent. */
export type WirePrecision = (typeof WIRE_PRECISIONS)[number];

/** Processes that train one model, each on a share of every batch; gradients are summed inside the step. */
export interface WorkerGroup {
  /** The server of this process. */
  readonly server: WorkerServer;
  /** Number of workers. */
  readonly count: number;
  /** How late another worker may be to a sum before it fails. TensorFlow then frees what its calls still use, which can crash the process. */
  readonly sumTimeoutSeconds: number;
  /** Precision in which gradients are sent. */
  readonly wire: WirePrecision;
}
