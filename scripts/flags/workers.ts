// The flags of training over several processes, started here or listed in the variable TF_CONFIG.
import { type Cluster, clusterFromTfConfig, joinCluster, launchWorkers } from '../../src/node.js';

export const WORKER_FLAGS = {
  workers: {
    type: 'number',
    describe: 'processes on this machine that share each batch, one for each GPU or group of cores; default: 1',
    group: 'Workers:',
  },
  'max-restarts': {
    type: 'number',
    default: 3,
    describe: 'with --workers: maximum number of restarts from the last checkpoint after a worker is lost',
    group: 'Workers:',
  },
  'worker-timeout': {
    type: 'number',
    default: 60,
    describe: 'seconds to wait for a worker before all workers end with an error',
    group: 'Workers:',
  },
  'exchange-precision': {
    choices: ['fp32', 'bf16'] as const,
    default: 'fp32',
    describe: 'precision of the gradients that workers exchange',
    group: 'Workers:',
  },
} as const;

export interface WorkerArguments {
  workers?: number;
  maxRestarts: number;
  workerTimeout: number;
  exchangePrecision: 'fp32' | 'bf16';
}

/** Whether this process only starts the workers. */
export function isLauncher({ workers = 1 }: WorkerArguments): boolean {
  return workers > 1 && process.env['TF_CONFIG'] === undefined;
}

/** Starts this command once for each worker. Returns the exit code. @param canResume whether a restart can resume the run */
export function launch(
  { workers = 1, maxRestarts, workerTimeout }: WorkerArguments,
  canResume: () => Promise<boolean>,
): Promise<number> {
  const command = process.argv.slice(1);
  return launchWorkers({
    ...{ workers, maxRestarts, timeoutSeconds: workerTimeout },
    command: async (start) =>
      start > 0 && !command.includes('--resume') && (await canResume()) ? [...command, '--resume'] : command,
    log: (line) => console.error(line),
  });
}

/** Joins the cluster in TF_CONFIG; null if it is not set or has one worker. @throws ConfigError when it contradicts --workers */
export async function joinNamedCluster({
  workers,
  workerTimeout,
  exchangePrecision,
}: WorkerArguments): Promise<Cluster | null> {
  const text = process.env['TF_CONFIG'];
  if (text === undefined) return null;
  const named = clusterFromTfConfig(text);
  const count = named.addresses.length;
  if (workers !== undefined && workers !== count)
    throw new Error(`--workers: TF_CONFIG names ${count} workers, not ${workers}; leave out one of them`);
  return count === 1 ? null : joinCluster(named, { timeoutSeconds: workerTimeout, wire: exchangePrecision });
}
