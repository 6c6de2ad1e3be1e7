// The workers that share each update, as a training step sees them.
import type { WorkerServer } from '../../engine/session/contract.js';

/** Processes that train one model, each on a share of every batch; gradients are summed inside the step. */
export interface WorkerGroup {
  /** The server of this process. */
  readonly server: WorkerServer;
  /** Number of workers. */
  readonly count: number;
  /** Timeout of a sum. */
  readonly timeoutSeconds: number;
  /** Precision in which gradients are sent. */
  readonly wire: 'fp32' | 'bf16';
}
