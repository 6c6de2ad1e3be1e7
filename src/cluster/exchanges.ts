// Exchanges under way: each waits until every worker's value is there.
import type { Message } from './contract.js';

interface Exchange {
  promise: Promise<readonly Message[]>;
  resolve: (values: readonly Message[]) => void;
  reject: (error: Error) => void;
}

/** The exchanges of one worker, by name. After a failure all are refused. */
export class Exchanges {
  private readonly open = new Map<string, Exchange>();
  private failure: Error | null = null;

  /** The values of an exchange, once `settle` is called with them. */
  wait(name: string): Promise<readonly Message[]> {
    if (this.failure !== null) return Promise.reject(this.failure);
    const { promise, resolve, reject } = newPromise();
    promise.catch(() => undefined); // a reader that stopped early does not wait for it any more
    this.open.set(name, { promise, resolve, reject });
    return promise;
  }

  settle(name: string, values: readonly Message[]): void {
    this.open.get(name)?.resolve(values);
    this.open.delete(name);
  }

  /** Refuses those under way and all to come. */
  fail(error: Error): void {
    this.failure ??= error;
    this.abandon(error);
  }

  /** Refuses those under way. */
  abandon(error: Error): void {
    for (const { reject } of this.open.values()) reject(error);
    this.open.clear();
  }
}

function newPromise(): Exchange {
  let [resolve, reject]: [Exchange['resolve'], Exchange['reject']] = [() => undefined, () => undefined];
  const promise = new Promise<readonly Message[]>((resolved, rejected) => {
    [resolve, reject] = [resolved, rejected];
  });
  return { promise, resolve, reject };
}

/** On worker 0: the values that have come, by the name of the exchange. */
export class Gathering {
  private readonly values = new Map<string, (Message | undefined)[]>();

  constructor(private readonly count: number) {}

  /** Adds a worker's value. Returns all values once they are there. */
  add(name: string, worker: number, value: Message): readonly Message[] | null {
    const values = this.values.get(name) ?? Array<Message | undefined>(this.count).fill(undefined);
    values[worker] = value;
    this.values.set(name, values);
    if (values.includes(undefined)) return null;
    this.values.delete(name);
    return values as Message[];
  }
}
