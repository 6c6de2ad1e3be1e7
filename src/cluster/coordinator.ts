// The coordinator, worker 0's end of the channel: waits for all others, joins their values, and reports failures to all.
import { createServer, type Server, type Socket } from 'node:net';
import { EngineError, errorMessage, TrainingError } from '../errors.js';
import { isLoopback } from '../platform/loopback.js';
import {
  type Channel,
  channelAddress,
  ChannelEnd,
  channelOf,
  type ChannelOptions,
  type Contribution,
  type Peer,
  workerName,
} from './channel.js';
import type { Message } from './contract.js';
import { differenceOf } from './difference.js';
import { Gathering } from './exchanges.js';
import { readLines } from './line-socket.js';

/**
 * Opens the channel once all workers have connected.
 * @throws WorkerError naming those that did not connect; TrainingError naming one that differs; EngineError when the port cannot be opened
 */
export async function openCoordinator(options: ChannelOptions): Promise<Channel> {
  const { addresses, timeoutSeconds } = options;
  const server = createServer();
  const gathering = new Gathering(addresses.length);
  const end = new ChannelEnd(
    options,
    () => server.close(),
    (exchange) => gathering.missing(exchange),
  );
  const contribute = (worker: number, { name, value, forFirst }: Contribution): void => {
    const values = gathering.add(name, worker, value);
    if (values === null) return;
    if (!forFirst) for (const peer of end.peers.values()) peer.send({ name, values });
    end.exchanges.settle(name, values);
  };
  const { host, port } = channelAddress(addresses);
  await listen(server, isLoopback(host) ? host : undefined, port);
  const complete = new Promise<void>((whole) => {
    server.on('connection', (socket) => {
      admit(socket, end, contribute, () => {
        if (end.peers.size === addresses.length - 1) whole();
      });
    });
  });
  await end.completed(complete, timeoutSeconds, () => {
    const missing = addresses.flatMap((_, worker) =>
      worker === 0 || end.peers.has(worker) ? [] : [workerName(worker, addresses)],
    );
    return `${missing.join(', ')} did not come within ${timeoutSeconds} s`;
  });
  for (const peer of end.peers.values()) peer.send({ complete: true });
  return channelOf(end, (given) => contribute(0, given));
}

function listen(server: Server, host: string | undefined, port: number): Promise<void> {
  return new Promise((listening, failed) => {
    server.once('error', (error) =>
      failed(
        new EngineError(
          `worker 0 cannot listen on port ${port}, for the other workers: ${errorMessage(error)}; choose other ports`,
        ),
      ),
    );
    server.listen({ port, host, exclusive: true }, listening);
  });
}

/** Admits a connection that identifies itself as a worker of this cluster. Others are closed without effect. */
function admit(
  socket: Socket,
  end: ChannelEnd,
  contribute: (worker: number, given: Contribution) => void,
  onJoin: () => void,
): void {
  const { addresses, identity } = end.options;
  let peer: Peer | null = null;
  const lines = readLines(socket, {
    onMessage: (message) => {
      if (peer !== null) {
        end.receive(peer, message);
        const { name, value, forFirst } = message;
        if (typeof name === 'string' && value !== undefined)
          contribute(peer.worker, { name, value: value as Message, forFirst: forFirst === true });
        return;
      }
      const { hello: worker, addresses: known, identity: theirs } = message;
      const isOne = typeof worker === 'number' && Number.isInteger(worker) && worker > 0 && worker < addresses.length;
      if (!isOne || JSON.stringify(known) !== JSON.stringify(addresses) || end.peers.has(worker)) {
        lines.send({
          isFinal: true,
          failure: `${workerName(0, addresses)} belongs to another cluster, or already has this worker; check TF_CONFIG`,
        });
        return lines.end();
      }
      peer = end.add(worker, lines);
      const difference = differenceOf(identity, Object(theirs) as Record<string, unknown>);
      if (difference !== null)
        return end.failWith(new TrainingError(`${workerName(worker, addresses)} differs from worker 0: ${difference}`));
      onJoin();
    },
    onEnd: (reason) => {
      if (peer !== null) end.lose(peer, reason);
    },
  });
}
