// Ports that nothing listens on.
import { createServer, type AddressInfo, type Server } from 'node:net';

/** `count` ports of the loopback address, all open at once and closed again. */
export async function freePorts(count: number): Promise<number[]> {
  const open = (): Promise<Server> =>
    new Promise((opened, failed) => {
      const server = createServer().once('error', failed);
      server.listen(0, '127.0.0.1', () => opened(server));
    });
  const servers = await Promise.all(Array.from({ length: count }, open));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}
