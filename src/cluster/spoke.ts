// The channel's end on every worker but 0: connects to worker 0, which may start later.
import { connect, type Socket } from 'node:net';
import { errorMessage, WorkerError } from '../errors.js';
import {
  type Channel,
  channelAddress,
  ChannelEnd,
  channelOf,
  type ChannelOptions,
  type Peer,
  workerName,
} from './channel.js';
import type { Message } from './contract.js';
import { readLines } from './line-socket.js';

/** Pause between two attempts to connect. */
const RETRY_MS = 200;

/**
 * Opens the channel once worker 0 says that all have connected.
 * @throws WorkerError naming who did not connect; TrainingError naming what differs
 */
export async function openSpoke(options: ChannelOptions): Promise<Channel> {
  const { addresses, worker, identity, timeoutSeconds } = options;
  const socket = await connectTo(options);
  const end = new ChannelEnd(
    options,
    () => undefined,
    () => [0],
  );
  let onComplete: () => void = () => undefined;
  const complete = new Promise<void>((whole) => (onComplete = whole));
  let hasLeft = false;
  const lines = readLines(socket, {
    onMessage: (message) => {
      end.receive(hub, message);
      const { name, values, complete: isComplete, bye } = message;
      if (isComplete === true) onComplete();
      if (bye === true) hasLeft = true;
      if (typeof name === 'string' && Array.isArray(values)) end.exchanges.settle(name, values as Message[]);
    },
    onEnd: (reason) => {
      if (!hasLeft) end.lose(0, reason);
    },
  });
  const hub: Peer = {
    worker: 0,
    lastMessageMs: performance.now(),
    send: (sent) => lines.send(sent),
    end: () => lines.end(),
  };
  end.peers.set(0, hub);
  lines.trust();
  lines.send({ hello: worker, addresses, identity });
  const late = setTimeout(
    () => end.failWith(new WorkerError(`${workerName(0, addresses)} did not begin within ${2 * timeoutSeconds} s`)),
    2000 * timeoutSeconds, // worker 0 waits this long for the others, and names them
  );
  await Promise.race([complete, end.failure]).finally(() => clearTimeout(late));
  return channelOf(end, (given) => lines.send(given));
}

/** Connects to worker 0, which may not have started yet. */
async function connectTo({ addresses, timeoutSeconds }: ChannelOptions): Promise<Socket> {
  const { host, port } = channelAddress(addresses);
  const until = performance.now() + 1000 * timeoutSeconds;
  for (;;) {
    try {
      return await new Promise<Socket>((connected, failed) => {
        const socket = connect({ host, port, timeout: Math.max(1, until - performance.now()) });
        socket.once('timeout', () => socket.destroy(new Error('no answer')));
        socket.once('error', failed);
        socket.once('connect', () => {
          socket.removeAllListeners('error').removeAllListeners('timeout').setTimeout(0);
          connected(socket);
        });
      });
    } catch (error) {
      if (performance.now() + RETRY_MS > until) {
        throw new WorkerError(
          `${workerName(0, addresses)} did not come within ${timeoutSeconds} s: port ${port}: ${errorMessage(error)}`,
          { cause: error },
        );
      }
      await new Promise((wake) => setTimeout(wake, RETRY_MS));
    }
  }
}
