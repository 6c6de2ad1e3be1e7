// Which workers this one cannot reach: between two that both reach worker 0 the network may be broken.
import { connect } from 'node:net';

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
    socket.once('connect', () => end(true)).once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}
