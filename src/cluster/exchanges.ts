// Pending exchanges: each waits for every worker's value.
import type { Message } from './contract.js';

interface Exchange {
  promise: Promise<readonly Message[]>;
  resolve: (values: readonly Message[]) => void;
  reject: (error: Error) => void;
}

/** The pending exchanges of one worker, by name. After a failure all are rejected. */
export class Exchanges {
  private readonly open = new Map<string, Exchange>();
  private failure: Error | null = null;

  /** Resolves with the values of an exchange when `settle` is called with them. */
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

  /** Rejects the pending exchanges and all later ones. */
  fail(error: Error): void {
    this.failure ??= error;
    this.abandon(error);
  }

  /** Rejects the pending exchanges. */
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
}
