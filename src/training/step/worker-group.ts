// What a training step knows of the workers that share each of its updates.
import type { WorkerServer } from '../../engine/session/contract.js';

/** Processes that train one model, each with its share of every batch; gradients are summed inside the step. */
export interface WorkerGroup {
  /** This process among them. */
  readonly server: WorkerServer;
  /** Number of workers. */
  readonly count: number;
  /** How long a sum waits for the other workers. */
  readonly timeoutSeconds: number;
  /** Precision in which gradients travel. */
  readonly wire: 'fp32' | 'bf16';
}
