// Starts the workers of one machine, each in a process of its own, and restarts them when one is lost.
import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { callback, parseOptions, wholeNumber } from '../options.js';
import { freePorts } from './free-ports.js';
import { JOIN_OPTIONS } from './join.js';

/** Exit code of a worker that lost another one: among the codes on which Kubeflow restarts a process, the one for users. */
export const WORKER_LOST = 138;

/** How many workers there are and how often they restart: names, checks, defaults and help texts. */
export const LAUNCH_OPTIONS = {
  workers: wholeNumber(1)
    .default(1)
    .describe('processes on this machine that share each batch, one for each GPU or group of cores'),
  maxRestarts: wholeNumber(0)
    .default(3)
    .describe('maximum number of restarts from the last checkpoint after a worker is lost'),
  timeoutSeconds: JOIN_OPTIONS.timeoutSeconds.describe('seconds that the others may take to end after one has ended'),
};

const schema = z.strictObject({
  ...LAUNCH_OPTIONS,
  command: callback<(start: number) => Promise<readonly string[] | null>>(),
  log: callback<(line: string) => void>(),
});

/** Options of `launchWorkers`. */
export interface LaunchOptions extends z.input<z.ZodObject<typeof LAUNCH_OPTIONS>> {
  /** Arguments of Node for a start, by its number from 0. Null when nothing is left to do after a worker was lost. */
  command: (start: number) => Promise<readonly string[] | null>;
  /** Receives a line about each restart. */
  log: (line: string) => void;
}

/** How a worker ended. */
interface End {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/**
 * Runs the workers until all have ended. Worker 0 writes to the terminal, error lines of the others begin with their number. Workers share the cores, and each
 * sees one GPU of those that this process sees. Returns the exit code: that of a worker that failed, else that of worker 0.
 * @throws ConfigError for numbers of workers or restarts that cannot be used
 */
export async function launchWorkers(options: LaunchOptions): Promise<number> {
  const {
    workers,
    maxRestarts,
    timeoutSeconds,
    command: commandOf,
    log,
  } = parseOptions('launchWorkers', schema, options);
  for (let start = 0; ; start++) {
    const command = await commandOf(start);
    if (command === null) return 0;
    const { ends, isStopped } = await runOnce({ workers, timeoutSeconds }, command);
    const failed = ends.find(({ code }) => code !== 0 && code !== null && code !== WORKER_LOST);
    const lost = ends.findIndex(({ code, signal }) => signal !== null || code === WORKER_LOST);
    if (failed !== undefined) return failed.code ?? 1;
    if (lost === -1) return 0;
    const first = ends.findIndex(({ signal }) => signal !== null);
    const what = first === -1 ? 'a worker was lost' : `worker ${first} was ended by ${ends[first]?.signal}`;
    if (isStopped || start >= maxRestarts) {
      log(`${what}${isStopped ? '' : `, after ${maxRestarts} restarts`}`);
      return WORKER_LOST;
    }
    log(`${what}: starting all workers again (${start + 1} of at most ${maxRestarts} times)`);
  }
}

async function runOnce(
  { workers, timeoutSeconds }: Pick<z.output<typeof schema>, 'workers' | 'timeoutSeconds'>,
  command: readonly string[],
): Promise<{ ends: End[]; isStopped: boolean }> {
  const addresses = (await freePorts(workers)).map((port) => `127.0.0.1:${port}`);
  const children = addresses.map((_, worker) => startWorker(command, addresses, worker));
  let isStopped = false;
  const forward = (signal: NodeJS.Signals): void => {
    isStopped = true;
    for (const child of children) child.kill(signal);
  };
  process.on('SIGINT', forward).on('SIGTERM', forward);
  let late: NodeJS.Timeout | undefined;
  const endOf = (child: ChildProcess): Promise<End> =>
    new Promise((settle) => {
      child.once('close', (code, signal) => {
        // A worker that still runs after it had time to notice the loss is hanging.
        late ??= setTimeout(() => children.forEach((other) => other.kill('SIGKILL')), 2000 * timeoutSeconds).unref();
        settle({ code, signal });
      });
      child.once('error', () => settle({ code: 1, signal: null }));
    });
  const ends = await Promise.all(children.map(endOf));
  clearTimeout(late);
  process.off('SIGINT', forward).off('SIGTERM', forward);
  return { ends, isStopped };
}

function startWorker(command: readonly string[], addresses: readonly string[], worker: number): ChildProcess {
  const threads = Math.max(1, Math.floor(availableParallelism() / addresses.length));
  const gpus = process.env['CUDA_VISIBLE_DEVICES']?.split(',');
  const child = spawn(process.execPath, [...process.execArgv, ...command], {
    env: {
      ...process.env,
      TF_CONFIG: JSON.stringify({ cluster: { worker: addresses }, task: { type: 'worker', index: worker } }),
      TF_NUM_INTRAOP_THREADS: process.env['TF_NUM_INTRAOP_THREADS'] ?? String(threads),
      CUDA_VISIBLE_DEVICES: gpus === undefined ? String(worker) : (gpus[worker] ?? ''),
    },
    stdio: worker === 0 ? 'inherit' : ['ignore', 'ignore', 'pipe'],
  });
  if (child.stderr !== null)
    createInterface(child.stderr).on('line', (line) => process.stderr.write(`worker ${worker}: ${line}\n`));
  return child;
}
