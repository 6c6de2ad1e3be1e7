// Models the time of a step of several workers from its arithmetic, the exchanged bytes and the network.

/** A worker's share of a step, and the bytes that it exchanges. */
export interface StepCosts {
  forwardMs: number;
  backwardMs: number;
  /** The optimizer, which waits for all sums. */
  updateMs: number;
  /** Bytes of all gradients on the wire. */
  bytes: number;
  /** Those computed last in the backward pass, whose exchange cannot overlap with computation. */
  lastBytes: number;
  /** Processor time of sending and adding a byte, in ms. */
  copyMsPerByte: number;
}

export interface Network {
  workers: number;
  /** Rate of each worker in each direction; Infinity: only limited by copying. */
  gbits: number;
  /** Latency of one message. */
  latencyMs: number;
}

/** Bytes that each worker sends of so many that are summed in a ring: each part goes round twice. */
export function ringBytes(bytes: number, workers: number): number {
  return (2 * (workers - 1) * bytes) / workers;
}

/**
 * The step's milliseconds: `F + max(B + K(P - E), W(P - E)) + max(K(E), W(E)) + 2 (N - 1) L + U`, with `F`, `B` and `U` the forward pass, the
 * backward pass and the update, `P` all gradients and `E` those that come last, `W` the time on the wire and `K` that of copying what a worker sends of them,
 * `L` the latency of a message. Sums overlap with the rest of the backward pass, copying takes its processor.
 */
export function modelledStepMs(costs: StepCosts, { workers, gbits, latencyMs }: Network): number {
  const { forwardMs, backwardMs, updateMs, bytes, lastBytes, copyMsPerByte } = costs;
  const wire = (part: number): number => ringBytes(part, workers) / (gbits * 125_000); // bytes in a ms
  const copying = (part: number): number => ringBytes(part, workers) * copyMsPerByte;
  const early = bytes - lastBytes;
  const backward = Math.max(backwardMs + copying(early), wire(early));
  const rest = Math.max(copying(lastBytes), wire(lastBytes));
  return forwardMs + backward + rest + 2 * (workers - 1) * latencyMs + updateMs;
}
