// Ports for the workers of one machine.
import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/** Below the ports that systems choose themselves, for connections and for programs that ask for any port: from 32768 on Linux, 49152 elsewhere. */
const [FIRST, END] = [20_000, 30_000];

/**
 * Ports that nothing listens on; the one after the first is free too, for the channel of worker 0. Whoever is told them listens seconds
 * later: until then only a caller that draws the same of ten thousand could take them.
 */
export async function freePorts(count: number): Promise<number[]> {
  for (;;) {
    const first = randomInt(FIRST, END - count);
    const ports = Array.from({ length: count + 1 }, (_, i) => first + i);
    const opened = await Promise.allSettled(ports.map(listen));
    const servers = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
    if (servers.length === ports.length) return ports.filter((port) => port !== first + 1);
  }
}

/** Listens on all addresses, as TensorFlow's server does. */
function listen(port: number): Promise<Server> {
  return new Promise((listening, failed) => {
    const server = createServer().once('error', failed);
    server.listen({ port, exclusive: true }, () => listening(server));
  });
}
