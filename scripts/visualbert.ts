#!/usr/bin/env node
// The command `visualbert`: loads the subcommands, prints errors of loading without a stack, and handles signals.

import { exitCodeOf } from './results/signal-exit.js';

/** Commands with subcommands: the second word of others is a file or a question. */
const WITH_COMMANDS = ['data', 'engine', 'evaluate', 'explain', 'features', 'predict', 'score', 'train'];

/** Ends the command, unless there are other listeners: a training run saves first, a progress bar restores the terminal. */
function endBySignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  const [first = '', second = ''] = process.argv.slice(2);
  const words = WITH_COMMANDS.includes(first) && !second.startsWith('-') ? [first, second] : [first];
  console.error(`${['visualbert', ...words].join(' ').trim()}: stopped by ${signal} before its end`);
  process.exit(exitCodeOf(signal));
}

/** Prints an error without a stack until the commands are loaded. */
let showError = (error: unknown, isDebugging: boolean): void =>
  console.error(error instanceof Error && !isDebugging ? error.message : error);

/** Ends the command after an uncaught error. */
function endByError(error: unknown): void {
  showError(error, process.argv.includes('--debug'));
  process.exit(1);
}

process.on('SIGINT', endBySignal);
process.on('SIGTERM', endBySignal);
process.on('uncaughtException', endByError); // rejections as well
// A closed pipe (`| head`) does not end a command, so that a run continues; any other write error does.
for (const [path, stream] of [
  ['standard output', process.stdout],
  ['standard error', process.stderr],
] as const)
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw Object.assign(error, { path });
  });
// `engine` commands must work while the variable names an engine that is not installed yet.
if (process.argv[2] === 'engine') delete process.env.VISUALBERT_BACKEND;
try {
  const [{ runCommand }, { printError }] = await Promise.all([import('./commands.js'), import('./command-line.js')]);
  showError = printError;
  await runCommand(process.argv.slice(2));
} catch (error) {
  endByError(error);
}
