// The problems that `visualbert doctor` reports, with their remedies.
import { describe, expect, test } from '@jest/globals';
import type { MachineReport } from '../../src/doctor/contract.js';
import { instructions } from '../../src/doctor/machine.js';
import { problemsOf } from '../../src/doctor/problems.js';

const ENGINE: NonNullable<MachineReport['engine']> = {
  ...{ tensorflow: '2.21.0', problem: null, device: 'cpu', devices: ['/device:CPU:0'], threads: 2, oneDnn: true },
  ...{ cache: '~/.cache', installed: [], cuda: null, node: 'v20.20.0' },
};
const SOUND: Omit<MachineReport, 'problems'> = {
  ...{ package: '0.1.0', node: 'v20.20.0', platform: 'linux x64', glibc: '2.36', processor: 'a CPU', cores: 2 },
  ...{
    instructions: ['avx'],
    memoryBytes: 16e9,
    freeMemoryBytes: 8e9,
    cards: [],
    nvidiaDriver: null,
    compiler: 'c++',
    prebuilt: null,
    isComplete: true,
  },
  engine: ENGINE,
  caveat: null,
  backends: [{ backend: 'tensorflow', problem: null, gigaflops: 100, card: null }],
  cache: { folder: '~/.cache', isWritable: true, freeBytes: 1e10 },
  hub: { address: 'https://hub', problem: null, isOffline: false },
  optional: [{ name: 'sharp', version: null, use: 'pictures' }],
};
const MISSING = { ...ENGINE, tensorflow: null, device: null, problem: 'It is not installed.' };

test('a sound machine has none, whatever optional packages it lacks', () => expect(problemsOf(SOUND)).toEqual([]));

test('to work offline is none', () =>
  expect(problemsOf({ ...SOUND, hub: { address: 'https://hub', problem: null, isOffline: true } })).toEqual([]));

test('a remedy that downloads something says so', () => {
  const needs = (difference: Partial<MachineReport>): boolean[] =>
    problemsOf({ ...SOUND, ...difference }).map(({ needsNetwork }) => needsNetwork);
  expect(needs({ engine: MISSING })).toEqual([true]);
  expect(needs({ isComplete: false })).toEqual([false]); // builds what is there again
  expect(needs({ memoryBytes: 2e9 })).toEqual([false]);
  expect(needs({ nvidiaDriver: '550' })).toEqual([true]);
});

describe('a problem', () => {
  test.each<[string, Partial<MachineReport>, RegExp, RegExp]>([
    [
      'no engine',
      { engine: MISSING },
      /need the native engine. It is not installed\./,
      /^npx visualbert engine install$/,
    ],
    [
      'an engine whose libraries are damaged',
      {
        engine: {
          ...MISSING,
          problem: 'It cannot be loaded.\nRun `npx visualbert engine remove` and `npx visualbert engine install`.',
        },
      },
      /need the native engine. It cannot be loaded\./,
      /^npx visualbert engine remove, then npx visualbert engine install$/,
    ],
    [
      'a package without native kernels',
      {
        engine: {
          ...MISSING,
          problem: 'Cannot find the native kernels: run `npm ci`, or install the package again.',
        },
      },
      /need the native engine. Cannot find the native kernels/,
      /^npm ci$/,
    ],
    [
      'an addon of another version',
      { isComplete: false },
      /built for another version/,
      /^npx visualbert engine install$/,
    ],
    [
      'an engine that ends its process',
      {
        engine: null,
        backends: [{ backend: 'tensorflow', problem: 'the process was ended by SIGILL', gigaflops: null, card: null }],
      },
      /tensorflow does not work: .*SIGILL/,
      /engine remove, then/,
    ],
    ['a card without its engine', { nvidiaDriver: '550' }, /NVIDIA card \(550\)/, /engine install --gpu$/],
    [
      'a cache that is read-only',
      { cache: { folder: '/c', isWritable: false, freeBytes: 1e10 } },
      /\/c cannot be written to/,
      /VISUALBERT_CACHE/,
    ],
    ['little memory', { memoryBytes: 2e9 }, /2\.0 GB of memory/, /--gradient-checkpointing/],
    [
      'no hub',
      { hub: { address: 'https://hub', problem: 'ENOTFOUND', isOffline: false } },
      /https:\/\/hub does not answer \(ENOTFOUND\)/,
      /HTTPS_PROXY/,
    ],
  ])('is %s', (_, difference, problem, remedy) => {
    const found = problemsOf({ ...SOUND, ...difference });
    expect(found).toHaveLength(1);
    expect(found[0]?.problem).toMatch(problem);
    expect(found[0]?.remedy).toMatch(remedy);
  });

  test('of building the engine counts only while there is none', () => {
    const poor = { compiler: null, cache: { folder: '~/.cache', isWritable: true, freeBytes: 1e8 } };
    expect(problemsOf({ ...SOUND, ...poor })).toEqual([]);
    expect(problemsOf({ ...SOUND, ...poor, engine: MISSING }).map(({ remedy }) => remedy)).toEqual([
      'npx visualbert engine install',
      expect.stringContaining('apt install g++'),
      expect.stringContaining('VISUALBERT_CACHE'),
    ]);
    const addons = { prebuilt: '@visualbert-tfjs/linux-x64', compiler: null };
    expect(problemsOf({ ...SOUND, ...addons, engine: MISSING }).map(({ remedy }) => remedy)).toEqual([
      'npx visualbert engine install',
    ]);
  });
});

test('instruction sets are read from the system', () => {
  expect(instructions('flags\t\t: fpu avx avx2 avx512_vnni\n')).toEqual(['avx', 'avx2', 'avx512_vnni']);
  expect(instructions('Features\t: fp asimd i8mm\n')).toEqual(['asimd', 'i8mm']);
  expect(instructions(null)).toEqual([]);
});
