// Bundles the package's entries for Node and its command into dist/bundle: Node takes a millisecond for each of the 500 modules that they consist of.
import { rmSync } from 'node:fs';
import { build } from 'esbuild';

const outdir = 'dist/bundle';
rmSync(outdir, { recursive: true, force: true }); // the names of shared parts change with their contents
await build({
  outdir,
  entryPoints: [
    'dist/src/index.js',
    'dist/src/node.js',
    'dist/src/doctor/try-backend.js', // runs in a process of its own
    'dist/scripts/visualbert.js',
  ],
  entryNames: '[name]',
  chunkNames: 'shared-[hash]',
  bundle: true,
  splitting: true, // the entries share their modules
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  keepNames: true, // of classes, in messages and of users' code
  logLevel: 'warning',
});
