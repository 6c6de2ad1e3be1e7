// Pending exchanges: each waits for every worker's value.
import type { Message } from './contract.js';

interface Exchange {
  promise: Promise<readonly Message[]>;
  late: NodeJS.Timeout;
  resolve: (values: readonly Message[]) => void;
  reject: (error: Error) => void;
}

/** The pending exchanges of one worker, by name. After a failure all are rejected. */
export class Exchanges {
  private readonly open = new Map<string, Exchange>();
  private failure: Error | null = null;

  /** @param onLate called when values are not there after `limitMs` */
  constructor(
    private readonly limitMs: number,
    private readonly onLate: (name: string) => void,
  ) {}

  /** Resolves with the values of an exchange when `settle` is called with them. */
  wait(name: string): Promise<readonly Message[]> {
    if (this.failure !== null) return Promise.reject(this.failure);
    const { promise, resolve, reject } = newPromise();
    promise.catch(() => undefined); // a reader that stopped early does not wait for it any more
    const late = setTimeout(() => this.onLate(name), this.limitMs).unref();
    this.open.set(name, { promise, resolve, reject, late });
    return promise;
  }

  settle(name: string, values: readonly Message[]): void {
    const exchange = this.open.get(name);
    clearTimeout(exchange?.late);
    exchange?.resolve(values);
    this.open.delete(name);
  }

  /** Rejects the pending exchanges and all later ones. */
  fail(error: Error): void {
    this.failure ??= error;
    this.abandon(error);
  }

  /** Rejects the pending exchanges. */
  abandon(error: Error): void {
    for (const { reject, late } of this.open.values()) {
      clearTimeout(late);
      reject(error);
    }
    this.open.clear();
  }
}

function newPromise(): Omit<Exchange, 'late'> {
  let [resolve, reject]: [Exchange['resolve'], Exchange['reject']] = [() => undefined, () => undefined];
  const promise = new Promise<readonly Message[]>((resolved, rejected) => {
    [resolve, reject] = [resolved, rejected];
  });
  return { promise, resolve, reject };
}

/** On worker 0: the values received so far, by the name of the exchange. */
export class Gathering {
  private readonly values = new Map<string, (Message | undefined)[]>();

  constructor(private readonly count: number) {}

  /** Adds a worker's value. Returns all values once they are complete, else null. */
  add(name: string, worker: number, value: Message): readonly Message[] | null {
    const values = this.values.get(name) ?? Array<Message | undefined>(this.count).fill(undefined);
    values[worker] = value;
    this.values.set(name, values);
    if (values.includes(undefined)) return null;
    this.values.delete(name);
    return values as Message[];
  }

  /** Workers whose value of an exchange is not there. */
  missing(name: string): number[] {
    const values = this.values.get(name) ?? [];
    return Array.from({ length: this.count }, (_, worker) => worker).filter((worker) => values[worker] === undefined);
  }
}
