// `npm run example:browser`: builds the page and opens it. The model is that of the quickstart, which runs first if necessary.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { preview } from 'vite';
import { buildPage } from './build.js';

const OUT_DIR = resolve('dist', 'browser-example');

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
const server = await preview({ configFile: false, build: { outDir: OUT_DIR }, preview: { open: true } });
server.printUrls();
console.log('Ctrl-C stops the server.');

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
