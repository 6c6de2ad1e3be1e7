// Runs of `visualbert train` over several processes on a small data set, and their results.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readMetrics } from '../../../src/training/log/metrics-log.js';
import { COMMAND, type Finished } from './command.js';
import { writeNlvrFiles } from './nlvr-files.js';

// 21 examples in batches of 8: the last batch has 5, of which the last of four workers has none.
const files = writeNlvrFiles(21, 8);

/** The folder of a run. */
export const folderOf = (run: string): string => join(files.folder, run);

/** Arguments of a run of 3 updates an epoch, with a checkpoint after every second. */
export const argsOf = (run: string, { epochs = 4, batchSize = 8 } = {}): string[] => [
  ...['train', 'nlvr', '--model-config', files.modelConfig, '--output-dir', folderOf(run)],
  ...[
    '--data',
    files.train,
    '--validation-data',
    files.validation,
    '--batch-size',
    `${batchSize}`,
    '--epochs',
    `${epochs}`,
  ],
  ...['--log-every', '1', '--save-every', '2', '--learning-rate', '1e-3'],
];

/** Losses, norms and metrics by event and step. */
export async function lossesOf(run: string): Promise<Record<string, number>> {
  const entries = (await readMetrics(join(folderOf(run), 'metrics.jsonl'))) ?? [];
  return Object.fromEntries(
    entries.flatMap(({ event, step, loss, gradientNorm = 0, accuracy = 0 }) => [
      [`${event} ${step} loss`, Number(loss)],
      [`${event} ${step} norm`, Number(gradientNorm)],
      [`${event} ${step} accuracy`, Number(accuracy)],
    ]),
  );
}

/** Starts the command. @param within words before it, such as those that enter a network namespace; @param onOutput gets all that it has printed so far */
export function startCommand(
  args: readonly string[],
  {
    env = {},
    within = [],
    onOutput = () => undefined,
  }: { env?: NodeJS.ProcessEnv; within?: readonly string[]; onOutput?: (printed: string) => void } = {},
): { child: ChildProcess; end: Promise<Finished> } {
  const [program = '', ...rest] = [...within, process.execPath, COMMAND, ...args];
  const child = spawn(program, rest, { env: { ...process.env, VISUALBERT_BACKEND: '', ...env } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => onOutput((stdout += chunk.toString()) + stderr));
  child.stderr.on('data', (chunk: Buffer) => onOutput(stdout + (stderr += chunk.toString())));
  const end = new Promise<Finished>((settle) =>
    child.once('close', (code, signal) => settle({ code, signal, stdout, stderr })),
  );
  return { child, end };
}

/** The variable that makes a process a worker. */
export function workerOf(addresses: readonly string[], index: number): NodeJS.ProcessEnv {
  return { TF_CONFIG: JSON.stringify({ cluster: { worker: addresses }, task: { type: 'worker', index } }) };
}

/** Runs a worker of a cluster that TF_CONFIG names. */
export function startWorker(addresses: readonly string[], index: number, args: readonly string[]): Promise<Finished> {
  return startCommand(args, { env: workerOf(addresses, index) }).end;
}

/** Processes that a launcher has started, worker 0 first. */
export function childrenOf({ pid }: ChildProcess): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return []; // it has ended
  }
}
