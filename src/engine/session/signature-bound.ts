// How many recordings a session may have before a new one takes its place. TensorFlow cannot remove operations from a graph.
import { totalmem } from 'node:os';
import { warnOnce } from '../../logger.js';

const DEFAULT_MAX_SIGNATURES = 32;
/** Measured on steps of 12 layers: 60 MB for 2,000 operations, in TensorFlow's graph and in the executor made of it. */
const BYTES_PER_OPERATION = 30_000;
/** What recordings may take of the machine's memory. */
const MEMORY_SHARE = 1 / 4;

/**
 * A bound that starts at `maxSignatures` and doubles when a signature returns that an earlier session had: then more are in rotation than fit.
 * New sessions start empty, since what is in use comes back by itself; with space for twice what is in use, at most half is recorded again.
 */
export class SignatureBound {
  private bound: number;

  /** @param memoryBytes of recordings, above which the bound no longer grows. */
  constructor(
    private readonly maxSignatures: number = DEFAULT_MAX_SIGNATURES,
    private readonly memoryBytes: number = MEMORY_SHARE * availableMemory(),
  ) {
    this.bound = Math.max(1, maxSignatures);
  }

  /** Recordings that fit. */
  get value(): number {
    return this.bound;
  }

  /** Grows for a signature that returned, as far as memory allows, and warns. @param operations of its recording. */
  grow(operations: number): void {
    const fitting = Math.floor(this.memoryBytes / (operations * BYTES_PER_OPERATION));
    const grown = Math.max(this.bound, Math.min(2 * this.bound, fitting));
    const remedy = 'pad inputs to fewer shapes, or raise maxSignatures of createState';
    const rotation = 'compile: more signatures are in rotation than a session holds, and are recorded again';
    if (grown > this.bound) {
      warnOnce(`${rotation} (maxSignatures ${this.maxSignatures}); the bound grows as they return: ${remedy}`);
    } else {
      warnOnce(`${rotation} each time they return: ${this.bound} take the memory that recordings may have; ${remedy}`);
    }
    this.bound = grown;
  }
}

/** Of the machine, or of the container in which the process runs. */
function availableMemory(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
