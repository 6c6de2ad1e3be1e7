// Starts the built command `visualbert` in a process of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

/** The built command. */
export const COMMAND = join('dist', 'bundle', 'visualbert.js');

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Sends a signal again and again for a tenth of a second, as `timeout`, shells and npm do for one request. */
export function repeat(child: ChildProcess, signal: NodeJS.Signals): void {
  const until = performance.now() + 100;
  const timer = setInterval(() => {
    if (performance.now() > until || !child.kill(signal)) clearInterval(timer);
  }, 1);
}

/** Starts the command; at the first output that includes `at`, `then` is called with the child. */
export function visualbert(
  args: readonly string[],
  at?: string,
  then?: (child: ChildProcess) => void,
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [COMMAND, ...args], { env: { ...process.env, VISUALBERT_BACKEND: '' } });
    let [stdout, stderr] = ['', ''];
    let isWaiting = at !== undefined;
    const look = (): void => {
      if (!isWaiting || !`${stdout}${stderr}`.includes(at as string)) return;
      isWaiting = false;
      then?.(child);
    };
    child.stdout.on('data', (text: Buffer) => {
      stdout += text.toString();
      look();
    });
    child.stderr.on('data', (text: Buffer) => {
      stderr += text.toString();
      look();
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
