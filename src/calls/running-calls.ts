// Calls of an object that is disposed, at the same time as one another: the end waits for them.

/** The calls of one object. */
export class RunningCalls {
  private readonly running = new Set<Promise<unknown>>();
  /** The promise of the first `end`, which later ones return. */
  private ending: Promise<void> | null = null;

  /** @param closed the error of calls after the end */
  constructor(private readonly closed: () => Error) {}

  /** Runs a call. @throws the error `closed` after the end */
  async run<T>(call: () => Promise<T>): Promise<T> {
    this.requireOpen();
    const result = call();
    this.running.add(result);
    try {
      return await result;
    } finally {
      this.running.delete(result);
    }
  }

  /** A stream of results, each of which is a call: one that nobody waits for does not run. */
  async *each<T>(results: AsyncGenerator<T>): AsyncGenerator<T> {
    try {
      for (;;) {
        const result = await this.run(() => results.next());
        if (result.done === true) return;
        yield result.value;
      }
    } finally {
      await results.return(undefined); // the reader may have stopped early
    }
  }

  /** Rejects later calls, and frees what they use once the running ones have settled; when that fails, calls are accepted again. */
  end(free: () => Promise<void>): Promise<void> {
    this.ending ??= this.settled()
      .then(free)
      .catch((error: unknown) => {
        this.ending = null;
        throw error;
      });
    return this.ending;
  }

  /** @throws the error `closed` after the end */
  requireOpen(): void {
    if (this.ending !== null) throw this.closed();
  }

  private async settled(): Promise<void> {
    await Promise.allSettled(this.running);
  }
}
