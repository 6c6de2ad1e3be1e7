// A member, the channel's end on every worker but 0: connects to worker 0, which may start later.
import { connect, type Socket } from 'node:net';
import { errorMessage, WorkerError } from '../errors.js';
import { type Channel, channelAddress, ChannelEnd, channelOf, type ChannelOptions, workerName } from './channel.js';
import type { Message } from './contract.js';
import { readLines } from './line-socket.js';

/** Pause between two attempts to connect. */
const RETRY_MS = 200;

/**
 * Opens the channel once worker 0 says that all have connected.
 * @throws WorkerError naming who did not connect; TrainingError naming what differs
 */
export async function openMember(options: ChannelOptions): Promise<Channel> {
  const { addresses, worker, identity, timeoutSeconds } = options;
  const socket = await connectTo(options);
  const end = new ChannelEnd(
    options,
    () => undefined,
    () => [0],
  );
  let onComplete: () => void = () => undefined;
  const complete = new Promise<void>((whole) => (onComplete = whole));
  const lines = readLines(socket, {
    onMessage: (message) => {
      end.receive(coordinator, message);
      const { name, values, complete: isComplete } = message;
      if (isComplete === true) onComplete();
      if (typeof name === 'string' && Array.isArray(values)) end.exchanges.settle(name, values as Message[]);
    },
    onEnd: (reason) => end.lose(coordinator, reason),
  });
  const coordinator = end.add(0, lines);
  lines.send({ hello: worker, addresses, identity });
  const longest = 2 * timeoutSeconds; // worker 0 waits half of it for the others, and names them
  await end.completed(complete, longest, () => `${workerName(0, addresses)} did not begin within ${longest} s`);
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
