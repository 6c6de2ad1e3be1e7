#!/usr/bin/env node
// The command `visualbert`: loads the subcommands, and says without a stack why they cannot be loaded, or that a signal ended them.

/** Exit codes of shells for a process that a signal ended. */
const SIGNAL_EXIT = { SIGINT: 130, SIGTERM: 143 } as const;

/** Ends the command, unless something else listens: a run that trains saves first, a bar gives the terminal back. */
function endBySignal(signal: keyof typeof SIGNAL_EXIT): void {
  if (process.listenerCount(signal) > 1) return;
  const args = process.argv.slice(2);
  const flag = args.findIndex((word) => word.startsWith('-'));
  const words = args.slice(0, flag < 0 ? 2 : Math.min(2, flag));
  console.error(`${['visualbert', ...words].join(' ')}: stopped by ${signal} before its end`);
  process.exit(SIGNAL_EXIT[signal]);
}

process.on('SIGINT', endBySignal);
process.on('SIGTERM', endBySignal);
// An engine can be installed where the variable asks for the one that is not there yet.
if (process.argv[2] === 'engine') delete process.env.VISUALBERT_BACKEND;
try {
  await import('./commands.js');
} catch (error) {
  console.error(error instanceof Error && !process.argv.includes('--debug') ? error.message : error);
  process.exit(1);
}

export {};
