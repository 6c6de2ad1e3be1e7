// Two processes as workers of a cluster: sums inside a recorded function.
import { type AddressInfo, connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { freePorts } from '../../../src/cluster/free-ports.js';
import { useBackend } from '../../helpers/backend.js';
import { addressesOf, runWorker } from './cluster-worker.js';

const { backend, reason } = await useBackend();
const onEngine = backend === 'tensorflow' ? describe : describe.skip;
if (backend !== 'tensorflow') process.stderr.write(`tests of servers are skipped: ${reason}\n`);

onEngine('servers of a cluster', () => {
  test('two processes get the sum of both, in float32 and in bfloat16, with variables of their own', async () => {
    const addresses = addressesOf(await freePorts(2));
    const results = await Promise.all([runWorker(addresses, 0), runWorker(addresses, 1)]);
    // 1/3 and 2/3 in bfloat16 are 0.333984375 and 0.66796875; their sum rounds to 1.
    const expected = { outputs: [[1, 2], [1, 2]], total: [6, 12] }; // prettier-ignore
    expect(results).toEqual([expected, expected]);
  });

  test('workers of one machine cannot be reached by an address that other machines see', async () => {
    const outer = Object.values(networkInterfaces()).flatMap(
      (found) => found?.filter(({ internal }) => !internal) ?? [],
    );
    if (outer.length === 0) return void process.stderr.write('left out: this machine has no network address\n');
    const addresses = addressesOf(await freePorts(2));
    const port = Number(addresses[0]?.split(':')[1]);
    const waiting = runWorker(addresses, 0); // for worker 1, some seconds
    while ((await answerOf('127.0.0.1', port)) !== 'connected') await new Promise((wake) => setTimeout(wake, 20));
    for (const { address, scopeid } of outer) {
      if (scopeid) continue;
      // TensorFlow opens the port itself, a moment before the filter is on it.
      let answer = 'connected';
      for (let tries = 0; answer === 'connected' && tries < 40; tries++) answer = await answerOf(address, port);
      expect([address, answer]).toEqual([address, 'none']);
    }
    expect(await answerOf('127.0.0.1', port)).toBe('connected');
    expect((await waiting)?.error).toContain('timed out waiting for other workers');
  });

  test('a port in use is named', async () => {
    const taken = createServer();
    await new Promise<void>((listening) => taken.listen(0, '0.0.0.0', listening));
    const { port } = taken.address() as AddressInfo;
    const refused = await runWorker(addressesOf([port, port + 1]), 0);
    await new Promise((closed) => taken.close(closed));
    expect(refused?.error).toContain(`worker 0 cannot listen on 127.0.0.1:${port}`);
  });
});

/** How an address answers to a connection within half a second. */
function answerOf(host: string, port: number): Promise<string> {
  return new Promise((settle) => {
    const socket = connect({ host, port, timeout: 500 });
    const end = (answer: string): void => {
      socket.destroy();
      settle(answer);
    };
    socket.once('connect', () => setTimeout(end, 50, 'connected')).once('timeout', () => end('none'));
    socket.once('error', ({ message }) => end(message));
  });
}
