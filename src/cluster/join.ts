// Makes this process a worker of a cluster: its server, then the rendezvous of all.
import { createServer } from 'node:net';
import { z } from 'zod';
import { startServer, type WorkerAddresses } from '../engine/session/server.js';
import { loadNative } from '../engine/load/native.js';
import { packageVersion } from '../engine/load/paths.js';
import { ConfigError, EngineError, errorMessage } from '../errors.js';
import { number, oneOf, parseOptions, requireOptions } from '../options.js';
import { WIRE_PRECISIONS } from '../training/step/worker-group.js';
import { PATIENCE, workerName } from './channel.js';
import type { Cluster } from './contract.js';
import { openCoordinator } from './coordinator.js';
import { openMember } from './member.js';

/** How the workers of a cluster exchange: names, checks, defaults and help texts. */
export const JOIN_OPTIONS = {
  timeoutSeconds: number('a number above 0', (x) => x > 0)
    .default(60)
    .describe(
      'seconds to wait for a worker, at the start and between its messages, before all workers end with an error',
    ),
  wire: oneOf(WIRE_PRECISIONS).default('fp32').describe('precision of the gradients that workers exchange'),
};

const schema = z.strictObject(JOIN_OPTIONS);

/** Options of `joinCluster`. */
export type JoinOptions = z.input<typeof schema>;

/**
 * Joins a cluster and waits until all its workers have. Once in a process: TensorFlow's server serves until the process ends. It listens on
 * all network interfaces, without authentication or encryption: use it only in a private network.
 * @throws WorkerError when a worker does not connect; TrainingError when one has another version of the package or TensorFlow; EngineError when a port is in use
 */
export async function joinCluster(named: WorkerAddresses, options: JoinOptions = {}): Promise<Cluster> {
  requireOptions('joinCluster', named, 'the addresses of the workers and the number of this one');
  const { addresses, worker } = named;
  const { timeoutSeconds, wire } = parseOptions('joinCluster', schema, options);
  if (!Array.isArray(addresses) || typeof addresses[worker] !== 'string')
    throw new ConfigError(
      `joinCluster: worker: expected the number of one of the addresses, received ${String(worker)}`,
    );
  await requireFreePort(worker, addresses);
  const { tensorflow } = loadNative().info;
  const server = startServer({ addresses, worker });
  const identity = { 'the version of visualbert-tfjs': packageVersion(), 'that of TensorFlow': tensorflow };
  const channel = await (worker === 0 ? openCoordinator : openMember)({ addresses, worker, timeoutSeconds, identity });
  return { ...channel, server, count: addresses.length, sumTimeoutSeconds: PATIENCE * timeoutSeconds, wire };
}

/** TensorFlow silently shares a port with another server, and each would then receive some of the other's calls. */
async function requireFreePort(worker: number, addresses: readonly string[]): Promise<void> {
  const port = Number(addresses[worker]?.split(':')[1]);
  const probe = createServer();
  await new Promise<void>((listening, failed) => {
    probe.once('error', (error) =>
      failed(
        new EngineError(`${workerName(worker, addresses)} cannot listen: ${errorMessage(error)}; choose another port`),
      ),
    );
    probe.listen({ port, exclusive: true }, listening);
  });
  await new Promise((closed) => probe.close(closed));
}
