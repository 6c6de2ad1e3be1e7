// `visualbert doctor` on this machine.
import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import type { MachineReport } from '../../src/node.js';
import { COMMAND } from '../helpers/command-line/command.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const hub = createServer((_, response) => response.end());

async function doctor(
  args: readonly string[],
  more: NodeJS.ProcessEnv,
  command = COMMAND,
): Promise<{ code: number; output: string }> {
  await new Promise<void>((listening) => hub.listen(0, '127.0.0.1', listening));
  const address = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`;
  const env = { ...process.env, HF_ENDPOINT: address, HF_HUB_OFFLINE: '', ...more };
  return new Promise((resolve) =>
    execFile(process.execPath, [command, 'doctor', ...args], { env }, (error, output) => {
      hub.closeAllConnections();
      hub.close(() => resolve({ code: Number(error?.code ?? 0), output }));
    }),
  );
}

test('without an engine: the backends that work, the command that mends, no name of the home folder', async () => {
  const cache = temporaryFolder();
  const { code, output } = await doctor(['--json'], { VISUALBERT_CACHE: cache, VK_ICD_FILENAMES: '/nowhere' });
  const report = JSON.parse(output) as MachineReport;
  expect(code).toBe(1);
  expect(report.problems.map(({ remedy }) => remedy)).toContain('npx visualbert engine install');
  expect(report.backends.map(({ backend, problem }) => [backend, problem === null])).toEqual([
    ['tensorflow', false],
    ['webgpu', false],
    ['wasm', true],
    ['cpu', true],
  ]);
  expect(report.backends.filter(({ gigaflops }) => (gigaflops ?? 0) > 0)).toHaveLength(2);
  expect(report.hub.problem).toBeNull();
  expect(output).not.toContain(`${homedir()}/`);
});

/** A copy of parts of the checkout whose folder node_modules lacks a package; returns the command. */
function commandWithout(missing: string, parts: readonly string[]): string {
  const folder = temporaryFolder();
  const bundle = dirname(COMMAND);
  for (const part of [...parts, bundle]) cpSync(part, join(folder, part), { recursive: true });
  const link = (path: string): void => {
    if (path === join('node_modules', missing)) return;
    if (path !== 'node_modules' && path !== join('node_modules', dirname(missing))) {
      return symlinkSync(resolve(path), join(folder, path));
    }
    mkdirSync(join(folder, path));
    for (const name of readdirSync(path)) link(join(path, name));
  };
  link('node_modules');
  return join(folder, bundle, basename(COMMAND));
}

const PACKED = ['package.json', 'native'];

test.each([
  ['a checkout', [...PACKED, 'package-lock.json'], 'visualbert-tfjs cannot find the', 'npm ci'],
  [
    'a tarball packed without scripts',
    PACKED,
    'This package of visualbert-tfjs lacks the',
    'npm pack --ignore-scripts=false',
  ],
] as const)('%s without the native kernels of TensorFlow.js: every other line, and what to do', async (...given) => {
  const [, parts, lack, remedy] = given;
  const command = commandWithout('@tensorflow/tfjs-node-gpu', parts);
  const { code, output } = await doctor(['--json'], { VK_ICD_FILENAMES: '/nowhere' }, command);
  const { problems, backends, isComplete } = JSON.parse(output) as MachineReport;
  expect([code, isComplete]).toEqual([1, false]);
  expect(problems).toContainEqual({
    problem: expect.stringContaining(`native engine. ${lack} native kernels of TensorFlow.js`),
    remedy,
    needsNetwork: true,
  });
  expect(backends.filter(({ problem }) => problem === null).map(({ backend }) => backend)).toEqual(['wasm', 'cpu']);
});

test('as a page: a line for each backend', async () => {
  const { output } = await doctor([], {});
  if (/^engine +TensorFlow /m.test(output))
    expect(output).toMatch(/^addons +(compiled on this machine|@visualbert-tfjs\/\S+)$/m);
  expect(output).toMatch(/^ {2}wasm +works, \d[\d.]* GFLOP\/s$/m);
  expect(output).toMatch(/^hub +http:\/\/127\.0\.0\.1:\d+ answers$/m);
});

test('as a page for a narrow terminal: lines are folded below their text, and slow backends have a speed too', async () => {
  const { output } = await doctor([], { COLUMNS: '60', VK_ICD_FILENAMES: '/nowhere' });
  expect(output).toMatch(/^ {2}fastify +.*$/m);
  expect(output).toMatch(/^ {2}cpu +works, (?!0\.0)\d[\d.]* GFLOP\/s$/m);
  const wide = output.split('\n').filter((line) => line.length > 60);
  expect(wide.filter((line) => line.trim().includes(' ') && !/^\S+ {2,}\S+$/.test(line))).toEqual([]);
});

test('offline: the hub is not asked and no problem, and remedies that download say so', async () => {
  const cache = temporaryFolder();
  const offline = { HF_HUB_OFFLINE: '1', VISUALBERT_CACHE: cache, VK_ICD_FILENAMES: '/nowhere', COLUMNS: '' };
  const { output } = await doctor([], offline);
  expect(output).toMatch(/^hub +http:\/\/127\.0\.0\.1:\d+: not tried, HF_HUB_OFFLINE is set: only downloaded weights/m);
  expect(output).toContain('to fix it (needs the network; HF_HUB_OFFLINE is set): npx visualbert engine install');
  expect(output).not.toContain('does not answer');
  expect(output).toMatch(/^GPU +\S/m);
});
