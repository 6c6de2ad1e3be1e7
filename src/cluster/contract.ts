// A cluster: processes that train one model together, and what they exchange besides tensors.
import type { WorkerGroup } from '../training/step/worker-group.js';

/** Plain data that JSON carries unchanged. */
export type Message = null | boolean | number | string | readonly Message[] | { readonly [name: string]: Message };

/** This process's membership, made by `joinCluster`. */
export interface Cluster extends WorkerGroup {
  /**
   * Gives every worker the values of all, by worker number. All must call it with the same names, each once, in any order. When one that
   * sends heartbeats does not call it for ten times the timeout, all end.
   */
  exchange<T extends Message>(name: string, value: T): Promise<readonly T[]>;
  /** Gives worker 0 the values of all, by worker number; the others get none and do not wait. */
  gather<T extends Message>(name: string, value: T): Promise<readonly T[]>;
  /** Rejects this worker's pending exchanges, such as those for batches read ahead when the run ends. */
  abandon(): void;
  /** Rejects when a worker ends early or stops responding, with a WorkerError that names it. Never resolves. */
  readonly failure: Promise<never>;
  /** Ends the other workers with an error of this one. Returns the error to throw: another worker's, if it came first. */
  fail(error: unknown): Promise<unknown>;
  /** Leaves the cluster in order: the others no longer wait for this worker. */
  leave(): void;
}
