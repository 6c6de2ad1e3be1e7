// The channel between workers, all in this process: exchanges, and which worker an error names when one is missing, different, lost or silent.
import { connect, createServer, type Server } from 'node:net';
import { afterAll, describe, expect, test } from '@jest/globals';
import type { Channel, ChannelOptions } from '../../src/cluster/channel.js';
import { openCoordinator } from '../../src/cluster/coordinator.js';
import { freePorts } from '../../src/cluster/free-ports.js';
import { openMember } from '../../src/cluster/member.js';
import { EngineError, TrainingError, WorkerError } from '../../src/errors.js';

async function addressesOf(count: number): Promise<string[]> {
  const ports = await freePorts(count);
  return ports.map((port) => `127.0.0.1:${port}`);
}

const IDENTITY = { 'the version': '1' };

function open(addresses: readonly string[], worker: number, more: Partial<ChannelOptions> = {}): Promise<Channel> {
  const options = { addresses, worker, timeoutSeconds: 20, identity: IDENTITY, ...more };
  return worker === 0 ? openCoordinator(options) : openMember(options);
}

async function openAll(
  count: number,
  more: Partial<ChannelOptions> = {},
): Promise<{ addresses: string[]; channels: Channel[] }> {
  const addresses = await addressesOf(count);
  // Worker 0 comes last: the others try until it is there.
  const opening = addresses
    .map((_, worker) => worker)
    .reverse()
    .map((worker) => open(addresses, worker, more));
  return { addresses, channels: (await Promise.all(opening)).reverse() };
}

/** Listens where a worker's own server would. */
function listenAt(address: string): Promise<Server> {
  const [host, port] = address.split(':');
  return new Promise((listening) => {
    const server = createServer();
    server.listen(Number(port), host, () => listening(server));
  });
}

const opened: Server[] = [];
afterAll(() => opened.forEach((server) => server.close()));

/** Channels of workers whose ports answer, as those of TensorFlow's servers do. */
async function openReachable(
  count: number,
  more: Partial<ChannelOptions>,
): Promise<{ addresses: string[]; servers: Server[]; channels: Channel[] }> {
  const addresses = await addressesOf(count);
  const servers = await Promise.all(addresses.map(listenAt));
  opened.push(...servers);
  const channels = await Promise.all(addresses.map((_, worker) => open(addresses, worker, more)));
  return { addresses, servers, channels };
}

const messageOf = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => new Error('it did not reject'),
    (error: unknown) => error as Error,
  );

describe('the channel of a cluster', () => {
  test('gives every worker the values of all, in any order of names', async () => {
    const { channels } = await openAll(3);
    const results = await Promise.all(
      channels.map(async (channel, worker) => {
        const names = worker === 1 ? ['b', 'a'] : ['a', 'b'];
        const values = await Promise.all(names.map((name) => channel.exchange(name, `${name}${worker}`)));
        return Object.fromEntries(names.map((name, i) => [name, values[i]]));
      }),
    );
    for (const result of results) expect(result).toEqual({ a: ['a0', 'a1', 'a2'], b: ['b0', 'b1', 'b2'] });
    for (const channel of channels) channel.leave();
  });

  test('names the worker that does not come', async () => {
    const addresses = await addressesOf(3);
    const started = [open(addresses, 0, { timeoutSeconds: 1 }), open(addresses, 1, { timeoutSeconds: 1 })];
    const errors = await Promise.all(started.map(messageOf));
    for (const error of errors) {
      expect(error).toBeInstanceOf(WorkerError);
      expect(error.message).toBe(`worker 2 (${addresses[2]}) did not come within 1 s`);
    }
  });

  test('names worker 0 where that does not come', async () => {
    const addresses = await addressesOf(2);
    const error = await messageOf(open(addresses, 1, { timeoutSeconds: 0.5 }));
    expect(error).toBeInstanceOf(WorkerError);
    expect(error.message).toContain(`worker 0 (${addresses[0]}) did not come within 0.5 s`);
  });

  test('refuses another version before anything begins', async () => {
    const addresses = await addressesOf(2);
    const started = [open(addresses, 0), open(addresses, 1, { identity: { 'the version': '2' } })];
    for (const error of await Promise.all(started.map(messageOf))) {
      expect(error).toBeInstanceOf(TrainingError);
      expect(error.message).toBe(`worker 1 (${addresses[1]}) differs from worker 0: the version is 2, not 1`);
    }
  });

  test('sends strangers and other clusters away, and goes on', async () => {
    const addresses = await addressesOf(2);
    const coordinator = open(addresses, 0);
    const stranger = connect(Number(addresses[0]?.split(':')[1]) + 1, '127.0.0.1', () =>
      stranger.write('GET / HTTP/1.1\n'),
    );
    stranger.on('error', () => undefined);
    const other = await messageOf(open([addresses[0] ?? '', '127.0.0.1:1'], 1));
    expect(other.message).toContain('belongs to another cluster');
    const channels = await Promise.all([coordinator, open(addresses, 1)]);
    const [first, second] = await Promise.all(channels.map((channel, worker) => channel.exchange('x', worker)));
    expect([first, second]).toEqual([[0, 1], [0, 1]]); // prettier-ignore
    for (const channel of channels) channel.leave();
  });

  test('names a worker that sends heartbeats and does not come to an exchange', async () => {
    const { addresses, channels } = await openReachable(3, { timeoutSeconds: 0.5 });
    const waiting = [0, 1].map((worker) => messageOf((channels[worker] as Channel).exchange('before update 4', null)));
    for (const error of await Promise.all(waiting)) {
      expect(error).toBeInstanceOf(WorkerError);
      expect(error.message).toBe(
        `worker 2 (${addresses[2]}) did not come to "before update 4" within 5 s, although it sends heartbeats`,
      );
    }
  });

  test('names worker 0 where that does not come to an exchange', async () => {
    const { addresses, channels } = await openReachable(2, { timeoutSeconds: 0.5 });
    const error = await messageOf((channels[1] as Channel).exchange('the end', null));
    expect(error.message).toContain(`worker 0 (${addresses[0]}) did not come to "the end" within 5.5 s`);
  });

  test('gives worker 0 alone what all gather, more than a line of strangers may hold', async () => {
    const { channels } = await openAll(3);
    const long = 'x'.repeat(3 << 20);
    const values = await Promise.all(channels.map((channel, worker) => channel.gather('g', `${worker}${long}`)));
    expect(values.map((list) => list.map((value) => [value[0], value.length]))).toEqual([
      [['0', long.length + 1], ['1', long.length + 1], ['2', long.length + 1]], [], []]); // prettier-ignore
    for (const channel of channels) channel.leave();
  });

  test('names a worker whose port no longer answers, within the timeout', async () => {
    const { addresses, servers, channels } = await openReachable(3, { timeoutSeconds: 2 });
    await new Promise((wake) => setTimeout(wake, 1500)); // all answer
    servers[2]?.close();
    const errors = await Promise.all(channels.map(({ failure }) => messageOf(failure)));
    for (const error of errors) {
      expect(error).toBeInstanceOf(WorkerError);
      expect(error.message).toMatch(
        new RegExp(
          `^worker [01] \\(\\S+\\) cannot reach worker 2 \\(${addresses[2]}\\): the port of its server does not answer$`,
        ),
      );
    }
  });

  test('does not try ports any more once a worker has left', async () => {
    const { servers, channels } = await openReachable(2, { timeoutSeconds: 0.4 });
    for (const channel of channels) channel.leave();
    for (const server of servers) server.close();
    const later = new Promise<string>((wake) => setTimeout(wake, 1000, 'still open'));
    expect(await Promise.race([later, ...channels.map(({ failure }) => failure)])).toBe('still open');
  });

  test('names a worker that cannot be reached when a sum failed', async () => {
    const { addresses, channels } = await openAll(3);
    const servers = await Promise.all([0, 1].map((worker) => listenAt(addresses[worker] ?? '')));
    const [first, second] = channels as [Channel, Channel];
    const cause = new EngineError('Collective ops is aborted by: timed out');
    const expected = `worker 1 (${addresses[1]}) cannot reach worker 2 (${addresses[2]}): ${cause.message}`;
    expect(await second.fail(cause)).toMatchObject({ name: 'WorkerError', message: expected });
    expect((await messageOf(first.failure)).message).toBe(expected);
    for (const server of servers) server.close();
  });

  test('tells all of the error of one, and refuses what they wait for', async () => {
    const { addresses, channels } = await openAll(3);
    const [first, second, third] = channels as [Channel, Channel, Channel];
    const waiting = messageOf(third.exchange('never', 1));
    const cause = new RangeError('no such image');
    expect(await second.fail(cause)).toBe(cause);
    const expected = `worker 1 (${addresses[1]}) ended with an error: no such image`;
    expect((await messageOf(first.failure)).message).toBe(expected);
    expect((await messageOf(third.failure)).message).toBe(expected);
    expect(await waiting).toBeInstanceOf(TrainingError);
  });

  test('a worker that left in order is no failure; what was read ahead is given up', async () => {
    const { channels } = await openAll(2);
    const [first, second] = channels as [Channel, Channel];
    const ahead = messageOf(first.exchange('ahead', 1));
    first.abandon();
    expect((await ahead).message).toContain('the run ended');
    second.leave();
    const outcome = await Promise.race([
      messageOf(first.failure),
      new Promise((wake) => setTimeout(wake, 300, 'none')),
    ]);
    expect(outcome).toBe('none');
    first.leave();
  });

  test('a worker that left in order may be silent', async () => {
    const { channels } = await openReachable(2, { timeoutSeconds: 3 });
    const [first, second] = channels as [Channel, Channel];
    second.leave();
    const silence = new Promise((wake) => setTimeout(wake, 3500, 'none')); // longer than a worker may be silent before it has left
    expect(await Promise.race([messageOf(first.failure), silence])).toBe('none');
    first.leave();
  });
});
