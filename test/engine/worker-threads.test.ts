// Worker threads that load the engine can end at any moment without ending the process.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { useBackend } from '../helpers/backend.js';

const { backend, reason } = await useBackend();
const onEngine = backend === 'tensorflow' ? test : test.skip;
if (backend !== 'tensorflow') process.stderr.write(`tests of worker threads are skipped: ${reason}\n`);

const ENTRY = JSON.stringify(`file://${resolve('dist/src/node.js')}`);

/** Loads the package, multiplies, says so, and stays. */
const WORKER = `
Promise.all([import('node:worker_threads'), import(${ENTRY})]).then(async ([{ parentPort }, { tf }]) => {
  const product = tf.matMul(tf.ones([2, 3]), tf.ones([3, 4]));
  parentPort.postMessage((await product.data())[0]);
  setInterval(() => undefined, 1000);
});`;

const PROGRAM = `
import { existsSync, readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
const maps = () => (existsSync('/proc/self/maps') ? readFileSync('/proc/self/maps', 'utf8') : '');
const addons = () => new Set(maps().match(/(?<=\\/)(visualbert|tfjs)_\\w+\\.node/g) ?? []).size;
const results = [];
for (const turn of [1, 2]) {
  const worker = new Worker(${JSON.stringify(WORKER)}, { eval: true });
  const value = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  const loaded = addons();
  await worker.terminate();
  results.push([value, loaded, addons()]);
}
for (const ms of [0, 20, 80, 200]) {
  const worker = new Worker(${JSON.stringify(WORKER)}, { eval: true });
  await new Promise((resolve) => setTimeout(resolve, ms));
  await worker.terminate();
}
console.log(JSON.stringify(results));`;

describe('worker threads', () => {
  onEngine('that are terminated leave the engine in memory, and the process ends as usual', () => {
    const args = ['--input-type=module', '--eval', PROGRAM];
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
    const turns = JSON.parse(stdout) as [value: number, loaded: number, left: number][];
    expect(turns.map(([value]) => value)).toEqual([3, 3]);
    for (const [, loaded, left] of turns) {
      expect(left).toBe(loaded);
      if (process.platform === 'linux') expect(loaded).toBeGreaterThan(0);
    }
  });
});
