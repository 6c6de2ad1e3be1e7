// The channel between the workers: a small TCP connection of each to worker 0, for exchanges, beats and failures. Tensors never go through it.
import { EngineError, errorMessage, TrainingError, WorkerError } from '../errors.js';
import { Exchanges } from './exchanges.js';
import type { Cluster, Message } from './contract.js';

/** What a channel is opened with. */
export interface ChannelOptions {
  addresses: readonly string[];
  worker: number;
  /** How long a worker is waited for, at the start and when it is not heard of. */
  timeoutSeconds: number;
  /** What all workers must have in common before anything begins, by name. */
  identity: Readonly<Record<string, string>>;
}

/** The part of a cluster that is not tensors. */
export type Channel = Pick<Cluster, 'exchange' | 'abandon' | 'failure' | 'fail' | 'leave'>;

/** Beats in the time after which a worker counts as lost. */
const BEATS = 6;

/** A worker in messages: its number and address. */
export function workerName(worker: number, addresses: readonly string[]): string {
  return `worker ${worker} (${addresses[worker] ?? 'unknown'})`;
}

/** Where worker 0 listens for the others: its host, and the port after that of its server. */
export function channelAddress(addresses: readonly string[]): { host: string; port: number } {
  const [host = '', port = ''] = (addresses[0] ?? '').split(':');
  return { host, port: Number(port) + 1 };
}

/** Another worker as this one hears of it. */
export interface Peer {
  worker: number;
  /** When something last came from it, in ms. */
  heardAt: number;
  send(message: object): void;
  end(): void;
}

/** What both ends of a channel have in common: failing once, beating, and noticing silence. */
export class ChannelEnd {
  readonly exchanges = new Exchanges();
  readonly failure: Promise<never>;
  readonly peers = new Map<number, Peer>();
  hasLeft = false;
  private reject: (error: Error) => void = () => undefined;
  private failed: Error | null = null;
  private readonly timer: NodeJS.Timeout;

  /** @param close frees what belongs to this end alone. */
  constructor(
    readonly options: ChannelOptions,
    private readonly close: () => void,
  ) {
    this.failure = new Promise((_, reject) => (this.reject = reject));
    this.failure.catch(() => undefined); // everyone who waits for it sees it
    this.timer = setInterval(() => this.beat(), (1000 * options.timeoutSeconds) / BEATS).unref();
  }

  get error(): Error | null {
    return this.failed;
  }

  /** Ends the channel with a failure, which the peers hear of. */
  failWith(error: Error): void {
    if (this.failed !== null || this.hasLeft) return;
    this.failed = error;
    this.tell(error);
    this.exchanges.fail(error);
    this.reject(error);
  }

  /** Ends the channel in order. */
  leave(): void {
    if (this.hasLeft) return;
    this.hasLeft = true;
    for (const peer of this.peers.values()) peer.send({ bye: true });
    this.stop();
  }

  /** What a peer says that is neither its value nor its farewell. */
  hear(peer: Peer, { failure, isFinal }: Readonly<Record<string, unknown>>): void {
    peer.heardAt = performance.now();
    if (typeof failure === 'string')
      this.failWith(isFinal === true ? new TrainingError(failure) : new WorkerError(failure));
  }

  /** A peer's connection ended. */
  lose(worker: number, reason: string): void {
    this.failWith(new WorkerError(`${workerName(worker, this.options.addresses)} is gone: ${reason}`));
  }

  private tell(error: Error): void {
    const failure = { failure: error.message, isFinal: !(error instanceof WorkerError) };
    for (const peer of this.peers.values()) peer.send(failure);
    this.stop();
  }

  private stop(): void {
    clearInterval(this.timer);
    for (const peer of this.peers.values()) peer.end();
    this.close();
  }

  private beat(): void {
    const { timeoutSeconds } = this.options;
    for (const peer of this.peers.values()) {
      peer.send({ beat: true });
      if (performance.now() - peer.heardAt > 1000 * timeoutSeconds)
        this.lose(peer.worker, `it has not been heard of for ${timeoutSeconds} s`);
    }
  }
}

/** How long a failure of this worker waits for the one that made it, which another worker may name. */
const CAUSE_MS = 3000;

/** The channel of an end. @param give hands a value over to worker 0 */
export function channelOf(end: ChannelEnd, give: (name: string, value: Message) => void): Channel {
  const { addresses, worker } = end.options;
  let own: unknown = null;
  return {
    failure: end.failure,
    exchange: async <T extends Message>(name: string, value: T): Promise<readonly T[]> => {
      const values = end.exchanges.wait(name);
      give(name, value);
      return values as Promise<readonly T[]>;
    },
    fail: async (error) => {
      if (error === own) return error;
      // A sum that fails says only that the connection broke: who broke it comes through the channel.
      const isConsequence = error instanceof EngineError && /[Cc]ollective/.test(error.message);
      if (isConsequence && end.error === null)
        await Promise.race([end.failure.catch(() => undefined), new Promise((wake) => setTimeout(wake, CAUSE_MS))]);
      if (end.error !== null) return end.error;
      const message = `${workerName(worker, addresses)} ended with an error: ${errorMessage(error)}`;
      own = isConsequence ? null : error;
      const isLoss = isConsequence || error instanceof WorkerError;
      end.failWith(isLoss ? new WorkerError(message) : new TrainingError(message));
      return isConsequence ? end.error : error;
    },
    abandon: () => end.exchanges.abandon(new TrainingError('the run ended before this exchange')),
    leave: () => end.leave(),
  };
}
