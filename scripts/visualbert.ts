#!/usr/bin/env node
// The command `visualbert`: loads the subcommands, and says without a stack why they cannot be loaded.

// An engine can be installed where the variable asks for the one that is not there yet.
if (process.argv[2] === 'engine') delete process.env.VISUALBERT_BACKEND;
try {
  await import('./commands.js');
} catch (error) {
  console.error(error instanceof Error && !process.argv.includes('--debug') ? error.message : error);
  process.exit(1);
}

export {};
