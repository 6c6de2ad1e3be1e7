// A queue of jobs: they run in the order of the calls, whether awaited or not.

export interface RunQueueOptions {
  /** Called before each job. */
  beforeEach?: () => void;
  /** The error of jobs that come after the last one. */
  closed: () => Error;
}

/** Runs jobs in the order of the calls; a failed one does not stop the next. */
export class RunQueue {
  private waiting = 0;
  private tail: Promise<unknown> = Promise.resolve();
  /** The promise of the first `end`, which later ones return. */
  private ending: Promise<void> | null = null;

  constructor(private readonly options: RunQueueOptions) {}

  /** True when a job would start at once. */
  get isEmpty(): boolean {
    return this.waiting === 0;
  }

  /** Runs a job when those before it have settled; the first of an empty queue starts before this returns. */
  async add<T>(job: () => Promise<T>): Promise<T> {
    this.requireOpen();
    const started = async (): Promise<T> => {
      this.options.beforeEach?.();
      return job();
    };
    const result = this.waiting === 0 ? started() : this.tail.then(started);
    this.waiting++;
    const settle = (): void => void this.waiting--;
    this.tail = result.then(settle, settle);
    return result;
  }

  /** Runs a last job and rejects later ones; when it fails, the queue is open again. */
  end(job: () => Promise<void>): Promise<void> {
    this.ending ??= this.add(job).catch((error: unknown) => {
      this.ending = null;
      throw error;
    });
    return this.ending;
  }

  /** @throws the error `closed` after the end. */
  requireOpen(): void {
    if (this.ending !== null) throw this.options.closed();
  }
}
