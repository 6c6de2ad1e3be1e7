// How many recordings a session may have before a new one replaces it. TensorFlow cannot remove operations from a graph.
import { totalmem } from 'node:os';
import { warnOnce } from '../../logger.js';

const DEFAULT_MAX_SIGNATURES = 32;
/** Measured on steps of 12 layers: 60 MB for 2,000 operations, in TensorFlow's graph and its executor. */
const BYTES_PER_OPERATION = 30_000;
/** Share of the machine's memory that recordings may take. */
const MEMORY_SHARE = 1 / 4;

/**
 * A bound that starts at `maxSignatures` and doubles, once a session, when a signature of an earlier session returns: then more are in use than fit.
 * New sessions start empty, since signatures in use are recorded when they are called.
 */
export class SignatureBound {
  private bound: number;
  private hasGrown = false;

  /** @param memoryBytes of recordings, above which the bound no longer grows. */
  constructor(
    maxSignatures: number = DEFAULT_MAX_SIGNATURES,
    private readonly memoryBytes: number = MEMORY_SHARE * availableMemory(),
  ) {
    this.bound = Math.max(1, maxSignatures);
  }

  /** Number of recordings that fit. */
  get value(): number {
    return this.bound;
  }

  /** Call when a new session starts. */
  restart(): void {
    this.hasGrown = false;
  }

  /** Doubles for a signature that returned, as far as memory allows, and warns. @param operations of its recording. */
  grow(operations: number): void {
    if (this.hasGrown) return; // those that return after it have room
    this.hasGrown = true;
    const fitting = Math.floor(this.memoryBytes / (operations * BYTES_PER_OPERATION));
    const grown = Math.max(this.bound, Math.min(2 * this.bound, fitting));
    warnOnce(
      grown > this.bound
        ? 'compile: inputs have more shapes than one session had room for, and each is recorded once more; pad them to fewer sizes to avoid that'
        : 'compile: recordings for the shapes of inputs fill a quarter of the memory, and are made again each time one returns, which is slow; pad inputs to fewer sizes',
    );
    this.bound = grown;
  }
}

/** Bytes of the machine, or of the container of this process. */
function availableMemory(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
