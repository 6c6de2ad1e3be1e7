// Ports for workers that listen on them seconds after they were found free.
import { createServer, type AddressInfo, type Server } from 'node:net';
import { expect, test } from '@jest/globals';
import { freePorts } from '../../src/cluster/free-ports.js';

const listen = (port: number): Promise<Server> =>
  new Promise((listening, failed) => {
    const server = createServer().once('error', failed);
    server.listen(port, '127.0.0.1', () => listening(server));
  });

test('are different, can all be listened on, and so can the one after the first', async () => {
  const [first = 0, second, third] = await freePorts(3);
  expect([second, third]).toEqual([first + 2, first + 3]);
  const servers = await Promise.all([0, 1, 2, 3].map((i) => listen(first + i)));
  for (const server of servers) server.close();
});

test('are none that the system gives to programs that ask for any', async () => {
  const given = await Promise.all(Array.from({ length: 20 }, () => listen(0)));
  const smallest = Math.min(...given.map((server) => (server.address() as AddressInfo).port));
  for (const server of given) server.close();
  for (let i = 0; i < 20; i++) expect(Math.max(...(await freePorts(2)))).toBeLessThan(smallest);
});
