// The packed tarball as users install it: by npm 10 and 11 in empty projects, read-only, on Node 20, 22 and 24.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { fakeToolchain } from '../../helpers/machine/fake-toolchain.js';
import { copyCheckout, pack, type PackReport, run } from '../../helpers/kernels/packing.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const folder = temporaryFolder();
const MAX_TARBALL_BYTES = 5e6;
const NPMS = ['10', '11'] as const;
const NODES = ['20', '22', '24'] as const;
let tarball = '';
let packed: PackReport['files'] = [];

function project(npm: string): string {
  return join(folder, `with-npm-${npm}`);
}

/** Path, size and time of every file: equal before and after means that nothing was written. */
function snapshot(root: string): string[] {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => `${path} ${statSync(path).size} ${statSync(path).mtimeMs}`);
}

const CHECK = `
import { createRequire } from 'node:module';
import { tf, startBackend } from 'visualbert-tfjs/node';
import * as browser from 'visualbert-tfjs';
if (startBackend.backend !== 'tensorflow') throw new Error(startBackend.reason);
const atOnce = tf.getBackend();
const same = tf === createRequire(import.meta.url)('@tensorflow/tfjs');
const weight = tf.variable(tf.zeros([3, 1]));
const [x, y] = [tf.tensor2d([[1, 0, 2], [0, 1, 1], [2, 1, 0]]), tf.tensor2d([[3], [2], [1]])];
const optimizer = tf.train.adam(0.1);
const losses = [];
for (let i = 0; i < 50; i++) losses.push(optimizer.minimize(() => tf.losses.meanSquaredError(y, tf.matMul(x, weight)), true, [weight]).dataSync()[0]);
const top = tf.topk(tf.tensor1d([1, 3, 2]), 2).indices.arraySync();
console.log(JSON.stringify({ node: process.versions.node, backend: tf.getBackend(), atOnce, same, first: losses[0], last: losses.at(-1), top, errors: typeof browser.EngineError }));
`;

beforeAll(() => {
  const copy = join(folder, 'checkout');
  copyCheckout(copy);
  const report = pack(copy, '--ignore-scripts=false');
  tarball = join(copy, report.filename);
  packed = report.files;
  for (const npm of NPMS) {
    mkdirSync(project(npm));
    writeFileSync(join(project(npm), 'package.json'), '{ "private": true }');
    writeFileSync(join(project(npm), 'check.mjs'), CHECK);
    const install = ['install', '--no-audit', '--no-fund', tarball, '@tensorflow/tfjs'];
    run(project(npm), ['npx', '-y', `npm@${npm}`, ...install]);
  }
});

describe('the tarball', () => {
  test('stays under 5 MB and holds no data, fixtures, tests or binaries', () => {
    expect(statSync(tarball).size).toBeLessThan(MAX_TARBALL_BYTES);
    const stray = packed
      .map((file) => file.path)
      .filter((path) =>
        /\.(node|so|o|a|dylib|dll|exe|whl|bin|safetensors|npy|npz|png|tgz|map)$|(^|\/)(test|fixtures|(?<!^dist\/src\/tasks\/)shared|data\/.*\.json)\//.test(
          path,
        ),
      );
    expect(stray).toEqual([]);
  });

  test('carries the kernels and the binding with their licence', () => {
    const paths = packed.map((file) => file.path);
    expect(paths).toEqual(
      expect.arrayContaining([
        'vendor/tfjs-node/LICENSE',
        'vendor/tfjs-node/binding/tfjs_backend.cc',
        'vendor/tfjs-node/dist/register_all_kernels.js',
        'native/loader/loader.cc',
        'LICENSE',
        'NOTICE',
      ]),
    );
  });
});

describe.each(NPMS)('installed by npm %s', (npm) => {
  test('the engine installs and runs without writing into the project', () => {
    const before = snapshot(project(npm));
    const engine = (job: string): string => run(project(npm), ['npx', '--no-install', 'visualbert', 'engine', job]);
    expect(engine('install')).toMatch(/installed in/);
    // The second project shares the first one's cache.
    expect(engine('install')).toMatch(/already installed in/);
    expect(engine('info')).toMatch(/TensorFlow {2}\d+\.\d+\.\d+/);
    expect(snapshot(project(npm))).toEqual(before);
  });
});

test.each(NODES)('a small training runs on Node %s, with the program’s own copy of TensorFlow.js', (node) => {
  const result = JSON.parse(run(project('11'), ['npx', '-y', `node@${node}`, 'check.mjs'])) as Record<string, unknown>;
  expect(result).toMatchObject({
    backend: 'tensorflow',
    atOnce: 'tensorflow',
    same: true,
    top: [1, 2],
    errors: 'function',
  });
  expect(String(result.node).startsWith(`${node}.`)).toBe(true);
  expect(Number(result.last)).toBeLessThan(Number(result.first) / 10);
});

test('two processes that install at once download once and leave one good engine', async () => {
  const tools = fakeToolchain();
  tools.setPip(`sleep 1; cp '${join(tools.folder, 'wheel.zip')}' "$dest/tensorflow_cpu-2.20.0.whl"`);
  const install = (npm: string): Promise<{ stdout: string }> =>
    promisify(execFile)(
      process.execPath,
      [join(project(npm), 'node_modules/.bin/visualbert'), 'engine', 'install', '--tensorflow', '2.20.0'],
      {
        env: { ...process.env, ...tools.env },
      },
    );
  const outputs = await Promise.all(NPMS.map(install));
  expect(outputs.map(({ stdout }) => /installed in/.test(stdout))).toEqual([true, true]);
  expect(readFileSync(join(tools.folder, 'calls'), 'utf8').match(/pip/g)).toHaveLength(1);
  expect(readdirSync(join(tools.folder, 'cache/engine')).sort()).toEqual([
    'active.json',
    `tensorflow-2.20.0-linux-${process.arch}-cpu`,
  ]);
});
