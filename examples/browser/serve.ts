// `npm run example:browser`: builds the page and opens it. The model is that of the quickstart, which runs first if necessary.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { preview } from 'vite';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { SERVE_OPTIONS } from '../../src/node.js';
import { buildPage } from './build.js';

const OUT_DIR = resolve('dist', 'browser-example');

const flags = await yargs(hideBin(process.argv))
  .scriptName('npm run example:browser --')
  .usage(
    '$0 [options]\n\nBuilds a page in which the model of the quickstart answers and learns, and opens it. Runs the quickstart first if necessary.',
  )
  .options({
    open: { type: 'boolean', default: true, describe: 'open the page in the browser' },
    port: {
      type: 'number',
      default: 4173,
      describe: 'of the server on this computer; the next free one if it is taken',
    },
  })
  .strict()
  .check(({ port }) => {
    const { error } = SERVE_OPTIONS.port.safeParse(port);
    if (error === undefined) return true;
    throw new Error(`--port: ${error.issues[0]?.message}`);
  })
  .parseAsync();

let run = lastRun();
if (run === null) {
  console.log('Training the model of the quickstart first, which takes about four minutes');
  const { status } = spawnSync(process.execPath, ['dist/examples/quickstart.js'], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  run = lastRun();
}
if (run === null) throw new Error('the quickstart left no model in runs/quickstart');
console.log(`Building the page with the model of ${run}`);
await buildPage({ run: join(run, 'real', 'vqa'), detector: join(run, 'detector') }, OUT_DIR);
const server = await preview({
  ...{ configFile: false, build: { outDir: OUT_DIR } },
  preview: { port: flags.port, open: flags.open },
});
console.log(`Page: ${server.resolvedUrls?.local[0]} (Ctrl-C stops the server)`);

/** The newest run of the quickstart that has a model. */
function lastRun(): string | null {
  const parent = 'runs/quickstart';
  const numbers = existsSync(parent) ? readdirSync(parent).map(Number).filter(Number.isInteger) : [];
  const runs = numbers.sort((a, b) => b - a).map((number) => `${parent}/${number}`);
  return (
    runs.find((one) => existsSync(`${one}/real/vqa/model.safetensors`) && existsSync(`${one}/detector/config.json`)) ??
    null
  );
}
