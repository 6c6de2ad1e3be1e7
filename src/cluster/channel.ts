// The channel between the workers: a TCP connection from each to worker 0, for exchanges, heartbeats and failures. Tensors are not sent through it.
import { EngineError, errorMessage, TrainingError, WorkerError } from '../errors.js';
import { Exchanges } from './exchanges.js';
import type { Cluster, Message } from './contract.js';
import type { LineSocket } from './line-socket.js';
import { unreachableWorkers, watchReach } from './reach.js';

/** What a channel is opened with. */
export interface ChannelOptions {
  addresses: readonly string[];
  worker: number;
  /** How long to wait for a worker, at the start and between its messages. */
  timeoutSeconds: number;
  /** What must be equal on all workers before training begins, by name. */
  identity: Readonly<Record<string, string>>;
}

/** The part of a cluster's communication that carries no tensors. */
export type Channel = Pick<Cluster, 'exchange' | 'gather' | 'abandon' | 'failure' | 'fail' | 'leave'>;

/** Heartbeats within the time in which a lost worker is noticed. */
const HEARTBEATS = 6;
/** So many may be missing: the rest of the time passes until the next check. */
const MISSED_HEARTBEATS = 4;
/** Times the timeout that a worker which sends heartbeats may take for what others wait for, such as opening its data, saving, or a sum. */
export const PATIENCE = 10;

/** A worker in messages: its number and address. */
export function workerName(worker: number, addresses: readonly string[]): string {
  return `worker ${worker} (${addresses[worker] ?? 'unknown'})`;
}

/** Where worker 0 listens for the others: its host, and the port after that of its server. */
export function channelAddress(addresses: readonly string[]): { host: string; port: number } {
  const [host = '', port = ''] = (addresses[0] ?? '').split(':');
  return { host, port: Number(port) + 1 };
}

/** A connected worker. */
export interface Peer extends Pick<LineSocket, 'send' | 'end'> {
  readonly worker: number;
  /** Time of its last message, in ms. */
  lastMessageMs: number;
  /** Whether it ended its membership in order. */
  hasLeft: boolean;
}

/** What both ends of a channel share: peers that join, leave and are lost, failing once, heartbeats, and noticing that they stop. */
export class ChannelEnd {
  readonly exchanges: Exchanges;
  readonly failure: Promise<never>;
  readonly peers = new Map<number, Peer>();
  hasLeft = false;
  private reject: (error: Error) => void = () => undefined;
  private failed: Error | null = null;
  private readonly timer: NodeJS.Timeout;
  private readonly stopping = new AbortController();

  /**
   * @param close frees the resources of this end. @param awaited the workers that an exchange waits for. Worker 0, which knows them, gives up
   * first.
   */
  constructor(
    readonly options: ChannelOptions,
    private readonly close: () => void,
    awaited: (exchange: string) => readonly number[],
  ) {
    const limitSeconds = (options.worker === 0 ? PATIENCE : PATIENCE + 1) * options.timeoutSeconds;
    this.exchanges = new Exchanges(1000 * limitSeconds, (name) => {
      const late = awaited(name).map((worker) => workerName(worker, options.addresses));
      this.failWith(
        new WorkerError(
          `${late.join(', ')} did not come to "${name}" within ${limitSeconds} s, although it sends heartbeats`,
        ),
      );
    });
    this.failure = new Promise((_, reject) => (this.reject = reject));
    this.failure.catch(() => undefined); // everyone who waits for it sees it
    const beat = (): void => void setImmediate(() => this.heartbeat()); // messages that came while this process was busy are read first
    this.timer = setInterval(beat, (1000 * options.timeoutSeconds) / HEARTBEATS).unref();
  }

  get error(): Error | null {
    return this.failed;
  }

  /** Aborts once the channel has ended, in order or with a failure. */
  get stopped(): AbortSignal {
    return this.stopping.signal;
  }

  /** Adds a worker that has connected. */
  add(worker: number, lines: LineSocket): Peer {
    const { send, end } = lines;
    const peer = { worker, lastMessageMs: performance.now(), hasLeft: false, send, end };
    this.peers.set(worker, peer);
    lines.trust();
    return peer;
  }

  /**
   * Waits until all have connected.
   * @param late says who has not, after this many seconds.
   * @throws WorkerError with what it says; else the failure of the channel
   */
  async completed(complete: Promise<void>, seconds: number, late: () => string): Promise<void> {
    const timer = setTimeout(() => this.failWith(new WorkerError(late())), 1000 * seconds);
    await Promise.race([complete, this.failure]).finally(() => clearTimeout(timer));
  }

  /** Ends the channel with a failure, which is reported to the peers. */
  failWith(error: Error): void {
    if (this.failed !== null || this.hasLeft) return;
    this.failed = error;
    this.report(error);
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

  /** Handles the part of a message that both ends understand: a sign of life, a farewell, or a failure. */
  receive(peer: Peer, { failure, isFinal, bye }: Readonly<Record<string, unknown>>): void {
    peer.lastMessageMs = performance.now();
    if (bye === true) peer.hasLeft = true;
    if (typeof failure === 'string')
      this.failWith(isFinal === true ? new TrainingError(failure) : new WorkerError(failure));
  }

  /** Handles the end of a peer's connection, or its silence: a failure, unless the peer has left. */
  lose({ worker, hasLeft }: Peer, reason: string): void {
    if (hasLeft) return;
    this.failWith(new WorkerError(`${workerName(worker, this.options.addresses)} was lost: ${reason}`));
  }

  private report(error: Error): void {
    const failure = { failure: error.message, isFinal: !(error instanceof WorkerError) };
    for (const peer of this.peers.values()) peer.send(failure);
    this.stop();
  }

  private stop(): void {
    clearInterval(this.timer);
    this.stopping.abort();
    for (const peer of this.peers.values()) peer.end();
    this.close();
  }

  private heartbeat(): void {
    if (this.stopped.aborted) return;
    const intervalMs = (1000 * this.options.timeoutSeconds) / HEARTBEATS;
    for (const peer of this.peers.values()) {
      peer.send({ heartbeat: true });
      const silentMs = performance.now() - peer.lastMessageMs;
      if (silentMs > MISSED_HEARTBEATS * intervalMs)
        this.lose(peer, `no message for ${Number((silentMs / 1000).toFixed(1))} s`);
    }
  }
}

/** How long a failing worker waits for the failure that caused its own, which another worker may report. */
const CAUSE_MS = 3000;

/** What a worker contributes: for all, or for worker 0 alone. */
export interface Contribution {
  name: string;
  value: Message;
  forFirst: boolean;
}

/** The channel of an end that all have connected to. @param contribute sends a value to worker 0 */
export function channelOf(end: ChannelEnd, contribute: (given: Contribution) => void): Channel {
  const { addresses, worker, timeoutSeconds } = end.options;
  const failureOf = (cut: readonly number[], reason: string): string => {
    const names = cut.map((other) => workerName(other, addresses)).join(', ');
    return `${workerName(worker, addresses)} ${cut.length > 0 ? `cannot reach ${names}` : 'ended with an error'}: ${reason}`;
  };
  // A sum would wait for a worker that cannot be reached, and TensorFlow's own timeout of a sum can crash the process.
  void watchReach({ addresses, own: worker, timeoutMs: 1000 * timeoutSeconds }, end.stopped, (cut) =>
    end.failWith(new WorkerError(failureOf(cut, 'the port of its server does not answer'))),
  );
  let own: unknown = null;
  return {
    failure: end.failure,
    exchange: async <T extends Message>(name: string, value: T): Promise<readonly T[]> => {
      const values = end.exchanges.wait(name);
      contribute({ name, value, forFirst: false });
      return values as Promise<readonly T[]>;
    },
    gather: async <T extends Message>(name: string, value: T): Promise<readonly T[]> => {
      if (end.error !== null) throw end.error;
      const values = worker === 0 ? end.exchanges.wait(name) : Promise.resolve([]);
      contribute({ name, value, forFirst: true });
      return values as Promise<readonly T[]>;
    },
    fail: async (error) => {
      if (error === own) return error;
      // A failed sum only says that the connection broke; the channel reports which worker broke it.
      const isConsequence = error instanceof EngineError && /[Cc]ollective/.test(error.message);
      if (isConsequence && end.error === null)
        await Promise.race([end.failure.catch(() => undefined), new Promise((wake) => setTimeout(wake, CAUSE_MS))]);
      if (end.error !== null) return end.error;
      const cut = isConsequence ? await unreachableWorkers(addresses, worker, CAUSE_MS) : [];
      if (end.error !== null) return end.error;
      const message = failureOf(cut, errorMessage(error));
      own = isConsequence ? null : error;
      const isLoss = isConsequence || error instanceof WorkerError;
      end.failWith(isLoss ? new WorkerError(message) : new TrainingError(message));
      return isConsequence ? end.error : error;
    },
    abandon: () => end.exchanges.abandon(new TrainingError('the run ended before this exchange')),
    leave: () => end.leave(),
  };
}
