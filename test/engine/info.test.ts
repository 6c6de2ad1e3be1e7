// The report of `engine info`, and its message without an engine.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { cudaReport } from '../../src/engine/load/cuda.js';
import { engineInfo, installedEngines, removeEngines } from '../../src/engine/info.js';
import { requireOneTfjs } from '../../src/engine/load/native.js';
import { prepareBackend, requireTrainingEngine } from '../../src/engine/select-backend.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

let folder: string;
const cache = process.env.VISUALBERT_CACHE;
beforeEach(() => {
  folder = temporaryFolder();
  process.env.VISUALBERT_CACHE = folder;
});
afterEach(() => {
  delete process.env.VISUALBERT_CACHE;
  delete process.env.VISUALBERT_BACKEND;
  if (cache !== undefined) process.env.VISUALBERT_CACHE = cache;
});

function place(...path: string[]): string {
  const file = join(folder, ...path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, 'x'.repeat(100));
  return file;
}

describe('without an engine', () => {
  test('engine info says how to install one', async () => {
    expect(await engineInfo()).toMatchObject({
      tensorflow: null,
      problem: expect.stringContaining('visualbert engine install'),
      devices: [],
      installed: [],
    });
  });

  test('WebAssembly serves, with the reason', async () => {
    expect(await prepareBackend()).toEqual({
      backend: 'wasm',
      reason: expect.stringContaining('not installed'),
    });
  });

  test('training stops and says what to install', () => {
    expect(() => requireTrainingEngine()).toThrow(
      /Training needs the native engine.*visualbert engine install`\. Prediction and evaluation run without it/s,
    );
  });

  test('a backend that was asked for by name is taken at its word', async () => {
    process.env.VISUALBERT_BACKEND = 'cpu';
    expect(() => requireTrainingEngine()).not.toThrow();
    expect(await prepareBackend()).toEqual({ backend: 'cpu' });
    process.env.VISUALBERT_BACKEND = 'tensorflow';
    await expect(prepareBackend()).rejects.toThrow(/not installed/);
    process.env.VISUALBERT_BACKEND = 'gpu';
    await expect(prepareBackend()).rejects.toThrow(
      "VISUALBERT_BACKEND: expected tensorflow, webgpu, wasm, cpu, received 'gpu'.",
    );
  });
});

describe('the cache', () => {
  test('is listed with sizes and removed whole', async () => {
    place('engine', 'tensorflow-2.21.0-linux-x64-cpu', 'tensorflow', 'libtensorflow_cc.so.2');
    place('engine', 'active.json');
    expect(await installedEngines()).toEqual([
      {
        name: 'tensorflow-2.21.0-linux-x64-cpu',
        folder: join(folder, 'engine', 'tensorflow-2.21.0-linux-x64-cpu'),
        bytes: 100,
      },
    ]);
    expect(await removeEngines()).toHaveLength(1);
    expect(await installedEngines()).toEqual([]);
  });
});

describe('cudaReport', () => {
  test('tells loaded, found and missing libraries apart, and how to get the missing', () => {
    const cudnn = place('nvidia', 'cudnn', 'lib', 'libcudnn.so.9');
    place('nvidia', 'cublas', 'lib', 'libcublas.so.12');
    const { libraries } = cudaReport(folder, [cudnn], []);
    const state = Object.fromEntries(libraries.map((library) => [library.name, library.state]));
    expect(state).toMatchObject({ libcudnn: 'loaded', libcublas: 'found', libcublasLt: 'missing', libnccl: 'missing' });
    expect(libraries.find((library) => library.name === 'libnccl')?.detail).toMatch(
      /nvidia-nccl-cu12.*engine install --gpu/,
    );
  });

  test('a machine without driver is told so', () => {
    expect(cudaReport(folder, [], []).driver).toEqual({
      present: false,
      detail: expect.stringMatching(/no NVIDIA driver: install it/),
    });
    const place1 = place('libcuda.so.1');
    expect(cudaReport(folder, [], [place1]).driver).toEqual({ present: true, detail: place1 });
  });
});

test('a second copy of TensorFlow.js in the user’s program is named', () => {
  place('node_modules', '@tensorflow', 'tfjs', 'index.js');
  const program = place('program.js');
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  requireOneTfjs(program);
  expect(warn.mock.calls[0]?.[0]).toMatch(/Two copies of @tensorflow\/tfjs are installed[^]*npm dedupe/);
  warn.mockRestore();
});
