// The flags of training over several processes, started here or listed in the variable TF_CONFIG.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Cluster,
  clusterFromTfConfig,
  joinCluster,
  type JoinOptions,
  launchWorkers,
  requireStartable,
  type RunSettings,
} from '../../src/node.js';
import { type BackendArguments } from './backend.js';
import { refuseUnused } from './checks.js';
import { flagsOf } from './settings.js';
import { JOIN_OPTIONS, LAUNCH_OPTIONS, RUN_FILE } from './internal.js';

const { workers, maxRestarts } = LAUNCH_OPTIONS;

export const WORKER_FLAGS = flagsOf(
  {
    workers,
    maxRestarts: maxRestarts.describe(`with --workers: ${maxRestarts.description}`),
    workerTimeout: JOIN_OPTIONS.timeoutSeconds,
    exchangePrecision: JOIN_OPTIONS.wire,
  },
  'Workers:',
);

export interface WorkerArguments {
  workers?: number;
  maxRestarts?: number;
  workerTimeout?: number;
  exchangePrecision?: JoinOptions['wire'];
}

/** @throws Error naming flags of workers that were given where there is one process */
export function refuseUnusedWorkers(flags: WorkerArguments): void {
  if (flags.workers !== undefined || process.env['TF_CONFIG'] !== undefined) return;
  const names = ['maxRestarts', 'workerTimeout', 'exchangePrecision'];
  refuseUnused(flags, names, 'one process; give --workers, or leave it out');
}

/** Whether this process only starts the workers. */
export function isLauncher({ workers }: WorkerArguments): boolean {
  return workers !== undefined && workers > 1 && process.env['TF_CONFIG'] === undefined;
}

/**
 * Starts this command once for each worker, after the checks that need neither data nor model. Returns the exit code.
 * @throws ConfigError for settings with which all workers would fail
 */
export async function launch(
  { workers, maxRestarts, workerTimeout, backend }: WorkerArguments & BackendArguments,
  settings: RunSettings,
): Promise<number> {
  if (backend !== undefined && backend !== 'tensorflow')
    throw new Error(`--workers: needs the native engine, received --backend ${backend}; leave out one of them`);
  const { step } = await requireStartable(settings, workers);
  const command = process.argv.slice(1);
  return launchWorkers({
    ...{ workers, maxRestarts, timeoutSeconds: workerTimeout },
    command: (start) => (start === 0 ? Promise.resolve(command) : resumeCommand(command, settings, step)),
    log: (line) => console.error(line),
  });
}

/** The command after a restart: it resumes the run, and makes what is left of `stopAfter`; null if that is nothing. @param startedAt updates before the first start */
async function resumeCommand(
  command: readonly string[],
  settings: RunSettings,
  startedAt: number,
): Promise<readonly string[] | null> {
  const resumed = { ...settings, arguments: { ...settings.arguments, resume: true } };
  const { step, arguments: given } = await requireStartable(resumed);
  const { outputDir, stopAfter } = given;
  const resume = !command.includes('--resume') && existsSync(join(outputDir, RUN_FILE)) ? ['--resume'] : [];
  if (stopAfter === undefined) return [...command, ...resume];
  const left = stopAfter - (step - startedAt);
  if (left < 1) return null;
  const names = ['--stop-after', '--stopAfter'];
  const others = command.filter(
    (word, i) => !names.includes(word.split('=')[0] ?? '') && !names.includes(command[i - 1] ?? ''),
  );
  return [...others, ...resume, '--stop-after', `${left}`];
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
