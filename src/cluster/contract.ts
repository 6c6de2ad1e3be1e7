// A cluster: processes that train one model together, and what they tell one another beside the tensors.
import type { WorkerGroup } from '../training/step/worker-group.js';

/** Plain data that JSON carries unchanged. */
export type Message = null | boolean | number | string | readonly Message[] | { readonly [name: string]: Message };

/** This process's membership, made by `joinCluster`. */
export interface Cluster extends WorkerGroup {
  /**
   * Gives every worker the values of all, by number. All have to call it with the same names, each once, in any order. It waits as long as
   * the others are heard of.
   */
  exchange<T extends Message>(name: string, value: T): Promise<readonly T[]>;
  /** Rejects the exchanges of this worker that are under way: what was read ahead of an end. */
  abandon(): void;
  /** Rejects when a worker ends before its time, or is not heard of: with a WorkerError that names it. Never resolves. */
  readonly failure: Promise<never>;
  /** Ends the others with an error of this worker. Returns the error to throw: that of another worker, where it came first. */
  fail(error: unknown): Promise<unknown>;
  /** Ends the membership in order: from now on nobody waits for this worker. */
  leave(): void;
}
