// Ports for the workers of one machine.
import { createServer, type AddressInfo, type Server } from 'node:net';

/** Ports of the loopback address that nothing listens on; the one after the first is free too, for the channel of worker 0. */
export async function freePorts(count: number): Promise<number[]> {
  for (;;) {
    const first = await listen(0);
    const second = await listen(portOf(first) + 1).catch(() => null);
    const others = await Promise.all(Array.from({ length: count - 1 }, () => listen(0)));
    const servers = [first, ...others, ...(second === null ? [] : [second])];
    const ports = [first, ...others].map(portOf);
    await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
    if (second !== null) return ports;
  }
}

function listen(port: number): Promise<Server> {
  return new Promise((listening, failed) => {
    const server = createServer().once('error', failed);
    server.listen(port, '127.0.0.1', () => listening(server));
  });
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
