// Which workers this one cannot reach: between two that both reach worker 0 the network may be broken.
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** Who is checked: the addresses of all workers, the number of this one, and how long a worker may be out of reach, in ms. */
export interface Reach {
  addresses: readonly string[];
  own: number;
  timeoutMs: number;
}

/**
 * Checks every quarter of the timeout whether all workers answer, until the signal aborts. @param onCut gets those that did not answer twice in a
 * row, after which the checks end.
 */
export async function watchReach(
  { addresses, own, timeoutMs }: Reach,
  signal: AbortSignal,
  onCut: (cut: readonly number[]) => void,
): Promise<void> {
  const quarter = timeoutMs / 4;
  let before: readonly number[] = [];
  while (!signal.aborted) {
    await pause(quarter, undefined, { ref: false });
    const now = await unreachableWorkers(addresses, own, quarter);
    const cut = now.filter((worker) => before.includes(worker));
    if (cut.length > 0 && !signal.aborted) return onCut(cut);
    before = now;
  }
}

/** Workers whose port does not answer within `timeoutMs`. */
export async function unreachableWorkers(
  addresses: readonly string[],
  own: number,
  timeoutMs: number,
): Promise<number[]> {
  const answers = await Promise.all(
    addresses.map((address, worker) => worker === own || isAnswering(address, timeoutMs)),
  );
  return answers.flatMap((isThere, worker) => (isThere ? [] : [worker]));
}

function isAnswering(address: string, timeout: number): Promise<boolean> {
  const [host, port] = address.split(':');
  return new Promise((settle) => {
    const socket = connect({ host: host ?? '', port: Number(port), timeout });
    const end = (isThere: boolean): void => {
      socket.destroy();
      settle(isThere);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
    socket.once('timeout', () => setImmediate(end, false)); // an answer that came while this process was busy is read first
  });
}
