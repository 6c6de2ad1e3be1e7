// The queue of requests for the model: those that arrive while it runs are joined into the next batch.
import { type PipelineExample, sizeOfExample } from '../pipelines/example.js';
import type { ExampleOutputs } from '../pipelines/head.js';
import { counted } from '../words.js';
import { RequestError } from './request-error.js';

export interface QueueOptions {
  /** Maximum number of examples per batch. */
  batchSize: number;
  /** Maximum number of waiting requests. */
  waiting: number;
  /** Maximum time that a request waits. */
  seconds: number;
  /** Called after each batch of examples. */
  onBatch?: (size: number, seconds: number) => void;
}

/** Why a server that is closed answers 503. */
export const STOPPING = 'the server is stopping';

/** A waiting job: an example that may share a batch, or work that needs the model exclusively. */
interface Job {
  example: PipelineExample | null;
  work: (() => Promise<unknown>) | null;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/**
 * Runs one job at a time, in the order of arrival. The oldest example is batched with later ones, up to `batchSize`.
 * A request fails with 503 when too many wait or it has waited too long, and is dropped when its client disconnects.
 */
export class ModelQueue {
  private readonly jobs: Job[] = [];
  private working: Promise<void> | null = null;
  private isClosed = false;
  /** Duration of the last batch or work. */
  private lastSeconds = 0;

  constructor(
    private readonly run: (examples: readonly PipelineExample[]) => Promise<ExampleOutputs[]>,
    private readonly options: QueueOptions,
  ) {}

  /** Number of waiting requests. */
  get waiting(): number {
    return this.jobs.length;
  }

  /** Whether another request would be rejected. */
  get isFull(): boolean {
    return this.jobs.length >= this.options.waiting;
  }

  /** The model's outputs for an example. @throws RequestError 503 */
  example(example: PipelineExample, signal?: AbortSignal): Promise<ExampleOutputs> {
    return this.add({ example, work: null }, signal) as Promise<ExampleOutputs>;
  }

  /** Runs work that uses the model, not concurrently with a batch. @throws RequestError 503 */
  alone<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.add({ example: null, work }, signal) as Promise<T>;
  }

  /** Rejects later requests with 503, and resolves when nothing runs or waits. */
  async close(): Promise<void> {
    this.isClosed = true;
    while (this.working !== null) await this.working;
  }

  private add(what: Pick<Job, 'example' | 'work'>, signal: AbortSignal | undefined): Promise<unknown> {
    if (this.isClosed) return Promise.reject(new RequestError(503, STOPPING));
    if (this.isFull)
      return Promise.reject(this.busy(`${counted(this.jobs.length, 'request')} already waiting for the model`));
    return new Promise((resolve, reject) => {
      const job: Job = { ...what, resolve: ended(resolve), reject: ended(reject) };
      const leave = (error: RequestError): void => {
        const index = this.jobs.indexOf(job);
        if (index < 0) return; // it runs
        this.jobs.splice(index, 1);
        job.reject(error);
      };
      const { seconds } = this.options;
      const timer = setTimeout(() => leave(this.busy(`the request waited ${seconds} s for the model`)), 1000 * seconds);
      const abort = (): void => leave(new RequestError(499, 'the client disconnected'));
      signal?.addEventListener('abort', abort);
      function ended<V>(settle: (value: V) => void): (value: V) => void {
        return (value) => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', abort);
          settle(value);
        };
      }
      this.jobs.push(job);
      this.working ??= this.work();
    });
  }

  private busy(what: string): RequestError {
    const rounds = Math.ceil(this.jobs.length / this.options.batchSize);
    return new RequestError(503, `busy: ${what}; try again later`, Math.max(1, Math.ceil(rounds * this.lastSeconds)));
  }

  private async work(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve)); // requests of one event loop turn share a batch
    while (this.jobs.length > 0) {
      const jobs = this.take();
      const start = performance.now();
      const settle = await (jobs[0]?.work ? settled(jobs[0], jobs[0].work) : this.runBatch(jobs));
      this.lastSeconds = (performance.now() - start) / 1000;
      if (jobs[0]?.example) this.options.onBatch?.(jobs.length, this.lastSeconds);
      if (this.jobs.length === 0) settle();
      else setImmediate(settle); // the next batch starts first: the processor computes while results are sent
    }
    this.working = null;
  }

  /** The oldest job with those that can share its batch: examples with the same number of choices. */
  private take(): Job[] {
    const first = this.jobs[0] as Job;
    const choices = (job: Job): number => (job.example === null ? 0 : sizeOfExample(job.example).choices);
    const wanted = choices(first);
    const taken =
      first.example === null
        ? [first]
        : this.jobs.filter((job) => choices(job) === wanted).slice(0, this.options.batchSize);
    for (const job of taken) this.jobs.splice(this.jobs.indexOf(job), 1);
    return taken;
  }

  /** When a batch fails, its examples run one by one, so that only the faulty one fails. */
  private async runBatch(jobs: readonly Job[]): Promise<Settle> {
    try {
      const computed = await this.run(jobs.map(({ example }) => example as PipelineExample));
      return () => jobs.forEach(({ resolve }, i) => resolve(computed[i]));
    } catch (error) {
      const [first, ...others] = jobs;
      if (others.length === 0) return () => first?.reject(error);
      const settles: Settle[] = [];
      for (const job of jobs) settles.push(await this.runBatch([job]));
      return () => settles.forEach((settle) => settle());
    }
  }
}

/** Gives jobs their results. */
type Settle = () => void;

async function settled({ resolve, reject }: Job, work: () => Promise<unknown>): Promise<Settle> {
  try {
    const result = await work();
    return () => resolve(result);
  } catch (error) {
    return () => reject(error);
  }
}
