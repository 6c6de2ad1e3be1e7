#!/usr/bin/env node
// The command `visualbert`: loads the subcommands, and says without a stack why they cannot be loaded, or that a signal ended them.

import { exitCodeOf } from './results/signal-exit.js';

/** Ends the command, unless something else listens: a run that trains saves first, a bar gives the terminal back. */
function endBySignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  const args = process.argv.slice(2);
  const flag = args.findIndex((word) => word.startsWith('-'));
  const words = args.slice(0, flag < 0 ? 2 : Math.min(2, flag));
  console.error(`${['visualbert', ...words].join(' ')}: stopped by ${signal} before its end`);
  process.exit(exitCodeOf(signal));
}

/** Shows an error without a stack, as long as the commands are not loaded. */
let showError = (error: unknown, isDebugging: boolean): void =>
  console.error(error instanceof Error && !isDebugging ? error.message : error);

/** Ends the command with an error that it did not foresee. */
function endByError(error: unknown): void {
  showError(error, process.argv.includes('--debug'));
  process.exit(1);
}

process.on('SIGINT', endBySignal);
process.on('SIGTERM', endBySignal);
process.on('uncaughtException', endByError); // rejections as well
// That nobody reads on (`| head`) does not end a command: a run goes on training. That nothing can be written does.
for (const [path, stream] of [
  ['standard output', process.stdout],
  ['standard error', process.stderr],
] as const)
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw Object.assign(error, { path });
  });
// An engine can be installed where the variable asks for the one that is not there yet.
if (process.argv[2] === 'engine') delete process.env.VISUALBERT_BACKEND;
try {
  const [{ runCommand }, { printError }] = await Promise.all([import('./commands.js'), import('./command-line.js')]);
  showError = printError;
  await runCommand(process.argv.slice(2));
} catch (error) {
  endByError(error);
}
