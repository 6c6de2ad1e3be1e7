// Installing an engine: downloads, their order, concurrent processes, and the message of each failure.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EngineError } from '../../../src/errors.js';
import { findCompiler } from '../../../src/engine/install/build-addon.js';
import { installEngine } from '../../../src/engine/install/install.js';
import { isWanted, requireSpace } from '../../../src/engine/install/libraries.js';
import type { InstallProgress } from '../../../src/engine/install/progress.js';
import { findEngine } from '../../../src/engine/load/find-engine.js';
import { addonFile, addonSources, librariesFolder } from '../../../src/engine/load/paths.js';
import { downloadFailure, findPython } from '../../../src/engine/install/python.js';
import { requireCpu } from '../../../src/engine/load/requirements.js';
import { wheelPlan, type Host, type Wheel } from '../../../src/engine/install/wheel-table.js';
import { fakeToolchain, type FakeToolchain } from '../../helpers/machine/fake-toolchain.js';
import { mountSmallDisk } from '../../helpers/machine/small-disk.js';

const UBUNTU: Host = { platform: 'linux', arch: 'x64', glibc: '2.35' };
/** Not the default, so its sha256 is not pinned and the stand-in passes. */
const VERSION = '2.20.0';

let tools: FakeToolchain;
const saved = { ...process.env };
beforeEach(() => {
  tools = fakeToolchain();
  Object.assign(process.env, tools.env);
  for (const name of ['VISUALBERT_DEVICE', 'VISUALBERT_TENSORFLOW']) delete process.env[name];
});
afterEach(() => {
  for (const name of Object.keys(tools.env)) delete process.env[name];
  Object.assign(process.env, saved);
});

const calls = (): string[] =>
  existsSync(join(tools.folder, 'calls')) ? readFileSync(join(tools.folder, 'calls'), 'utf8').trim().split('\n') : [];
const onLinuxX64 = process.platform === 'linux' && process.arch === 'x64' ? describe : describe.skip;

onLinuxX64('installEngine', () => {
  test('fetches the libraries, compiles every addon, and is instant the second time', async () => {
    const stages: InstallProgress['stage'][] = [];
    const first = await installEngine({ tensorflowVersion: VERSION, onProgress: ({ stage }) => stages.push(stage) });
    expect(first).toMatchObject({
      changed: true,
      tensorflow: VERSION,
      device: 'cpu',
      caveat: `not tested with TensorFlow ${VERSION}`,
    });
    expect([...new Set(stages)]).toEqual(['download', 'verify', 'unpack', 'compile']);
    expect(readdirSync(join(first.folder, 'tensorflow')).sort()).toEqual([
      'include',
      'libtensorflow_cc.so.2',
      'libtensorflow_framework.so.2',
    ]);
    for (const addon of addonSources()) expect(existsSync(addonFile(first, addon))).toBe(true);
    const before = calls();
    expect(before).toEqual(['pip', ...addonSources().map(() => 'cxx')]);
    expect(await installEngine({ tensorflowVersion: VERSION })).toMatchObject({ changed: false });
    expect(calls()).toEqual(before);
    expect(findEngine()).toMatchObject({ tensorflow: VERSION, device: 'cpu' });
  });

  test('compiles again, without fetching, when an addon is missing', async () => {
    const first = await installEngine({ tensorflowVersion: VERSION });
    const addon = addonSources()[0];
    if (addon === undefined) throw new Error('no addon');
    rmSync(dirname(addonFile(first, addon)), { recursive: true });
    writeFileSync(join(tools.folder, 'calls'), '');
    expect(await installEngine({ tensorflowVersion: VERSION })).toMatchObject({ changed: true });
    expect(calls().filter((call) => call !== '')).toEqual(['cxx']);
  });

  test('keeps an engine that somebody chose, when one is only to be there', async () => {
    await installEngine({ tensorflowVersion: VERSION });
    expect(await installEngine({ ifMissing: true })).toMatchObject({ tensorflow: VERSION, changed: false });
    expect(findEngine()).toMatchObject({ tensorflow: VERSION });
  });

  test('two at once share one download', async () => {
    tools.setPip(`sleep 0.3; cp '${join(tools.folder, 'wheel.zip')}' "$dest/tensorflow_cpu-2.20.0.whl"`);
    const waited: string[] = [];
    const onProgress = ({ stage, what }: InstallProgress): void => void (stage === 'wait' && waited.push(what));
    const options = { tensorflowVersion: VERSION, onProgress };
    await Promise.all([installEngine(options), installEngine(options)]);
    expect(calls().filter((call) => call === 'pip')).toHaveLength(1);
    expect(waited).toEqual([`another installation (process ${process.pid})`]);
  });

  test('takes over from an installation that was killed, and removes what it left', async () => {
    const folder = librariesFolder({ tensorflow: VERSION, device: 'cpu', platform: 'linux', arch: 'x64' });
    const leftover = join(dirname(folder), `.staging-${basename(folder)}-killed`);
    mkdirSync(leftover, { recursive: true });
    // No process has this id: Linux gives at most 2^22.
    writeFileSync(`${folder}.lock`, JSON.stringify({ pid: 2 ** 30, host: hostname(), token: 'dead' }));
    await installEngine({ tensorflowVersion: VERSION });
    expect(existsSync(leftover)).toBe(false);
    expect(existsSync(`${folder}.lock`)).toBe(false);
  });

  test('a failed download leaves nothing behind', async () => {
    tools.setPip('echo "ERROR: something odd"; exit 1');
    await expect(installEngine({ tensorflowVersion: VERSION })).rejects.toThrow(
      /pip could not fetch tensorflow-cpu 2\.20\.0:\nERROR: something odd/,
    );
    expect(readdirSync(join(tools.folder, 'cache', 'engine'))).toEqual([]);
  });

  test('a damaged wheel is refused by its sha256', async () => {
    await expect(installEngine()).rejects.toThrow(
      /damaged or not the published file: expected sha256 dcc8afd3\w+, received \w+/,
    );
  });

  test('a compiler that fails is named, with its first messages; the libraries stay for the next try', async () => {
    tools.setCompiler('echo "fatal: no such option"; exit 1');
    await expect(installEngine({ tensorflowVersion: VERSION })).rejects.toThrow(
      /could not compile \w+ \(C\+\+17.*\nfatal: no such option/,
    );
    tools.setCompiler('echo addon > "$out"');
    writeFileSync(join(tools.folder, 'calls'), '');
    await installEngine({ tensorflowVersion: VERSION });
    expect(calls()).not.toContain('pip');
  });

  test('no compiler: says how to get one, before anything is downloaded', async () => {
    process.env.CXX = join(tools.folder, 'none');
    await expect(installEngine({ tensorflowVersion: VERSION })).rejects.toThrow(
      /C\+\+ compiler, and none was found .*apt install g\+\+/,
    );
    expect(calls()).toEqual([]);
  });

  test('no Python: says how to get one', async () => {
    process.env.VISUALBERT_PYTHON = join(tools.folder, 'none');
    await expect(installEngine({ tensorflowVersion: VERSION })).rejects.toThrow(
      /none not found.*install Python 3\.8 or newer with pip/,
    );
  });

  test('a cache that cannot be written to is named, with the variable that moves it', async () => {
    // Even root cannot make a folder there.
    process.env.VISUALBERT_CACHE = '/sys/visualbert';
    await expect(installEngine({ tensorflowVersion: VERSION })).rejects.toThrow(
      /The cache \/sys\/visualbert\/engine cannot be written to .*VISUALBERT_CACHE/,
    );
  });

  test('a cache on a disk that is mounted read-only is named too', async () => {
    const disk = mountSmallDisk();
    if (disk.reason !== null) process.stderr.write(`skipped: ${disk.reason}\n`);
    else {
      process.env.VISUALBERT_CACHE = join(disk.folder, 'cache');
      await disk.whileReadOnly(() =>
        expect(installEngine({ tensorflowVersion: VERSION })).rejects.toThrow(
          /The cache .*engine cannot be written to \(EROFS\): set VISUALBERT_CACHE/,
        ),
      );
    }
    disk.remove();
  });

  test('a cache that is a file is named', async () => {
    process.env.VISUALBERT_CACHE = join(tools.folder, 'wheel.zip');
    await expect(installEngine({ tensorflowVersion: VERSION })).rejects.toThrow(/is not a folder.*VISUALBERT_CACHE/);
  });

  test('a disk without room is told before the download', async () => {
    const plan = { ...wheelPlan(UBUNTU, 'cpu'), unpackedBytes: 1e18 };
    await expect(requireSpace(tools.folder, plan)).rejects.toThrow(
      /No space for the engine: .* GB free and 1000000000\.\d GB are needed/,
    );
  });

  test('no engine: says which command installs it', () => {
    expect(() => findEngine()).toThrow('The native engine is not installed: run `npx visualbert engine install`.');
    process.env.VISUALBERT_DEVICE = 'gpu';
    expect(() => findEngine()).toThrow('run `npx visualbert engine install --gpu`');
    const version = { VISUALBERT_DEVICE: 'gpu', VISUALBERT_TENSORFLOW: '2.20.0' };
    expect(() => findEngine(version)).toThrow(
      'The native engine with TensorFlow 2.20.0 (VISUALBERT_TENSORFLOW) is not installed: run `npx visualbert engine install --gpu --tensorflow 2.20.0`.',
    );
    expect(() => findEngine({ VISUALBERT_DEVICE: 'tpu' })).toThrow(
      "VISUALBERT_DEVICE: expected cpu or gpu, received 'tpu'.",
    );
  });
});

describe('wheelPlan', () => {
  test('Linux x64 gets tensorflow-cpu with its sha256', () => {
    const { wheels, caveat } = wheelPlan(UBUNTU, 'cpu');
    expect(wheels.map(({ name, version }) => `${name} ${version}`)).toEqual(['tensorflow-cpu 2.21.0']);
    expect(wheels[0]?.sha256).toMatch(/^dcc8afd3/);
    expect(caveat).toBeNull();
  });

  test('another version is left to the hash of the package index', () => {
    expect(wheelPlan(UBUNTU, 'cpu', '2.20.0')).toMatchObject({
      caveat: 'not tested with TensorFlow 2.20.0',
      wheels: [{ version: '2.20.0', sha256: null }],
    });
  });

  test('a GPU gets tensorflow and the CUDA 12 libraries that its metadata asks for', () => {
    const names = wheelPlan(UBUNTU, 'gpu').wheels.map((wheel) => wheel.name);
    const parts = [
      'cublas',
      'cuda-cupti',
      'cuda-nvcc',
      'cuda-nvrtc',
      'cuda-runtime',
      'cudnn',
      'cufft',
      'curand',
      'cusolver',
      'cusparse',
      'nccl',
      'nvjitlink',
    ];
    expect(names).toEqual(['tensorflow', ...parts.map((part) => `nvidia-${part}-cu12`)]);
  });

  test.each<[string, Host, RegExp]>([
    ['Windows', { platform: 'win32', arch: 'x64', glibc: null }, /install WSL2/],
    ['Alpine', { platform: 'linux', arch: 'x64', glibc: null }, /another C library \(Alpine has musl\)/],
    [
      'an old glibc',
      { platform: 'linux', arch: 'x64', glibc: '2.17' },
      /glibc 2\.27 or newer, and this system has glibc 2\.17/,
    ],
    ['an Intel Mac', { platform: 'darwin', arch: 'x64', glibc: null }, /no native engine for darwin x64/],
  ])('%s is told what works there', (_, host, message) => {
    expect(() => wheelPlan(host, 'cpu')).toThrow(message);
    expect(() => wheelPlan(host, 'cpu')).toThrow(/WebAssembly/);
  });

  test('a GPU engine where there is none names the other one', () => {
    expect(() => wheelPlan({ platform: 'darwin', arch: 'arm64', glibc: null }, 'gpu')).toThrow(/without --gpu/);
  });

  test.each(['latest', '2.9.1', '3.0.0'])('version %s is refused', (version) => {
    expect(() => wheelPlan(UBUNTU, 'cpu', version)).toThrow(EngineError);
  });
});

describe('messages', () => {
  const wheel: Wheel = {
    name: 'tensorflow-cpu',
    version: '2.21.0',
    tags: ['manylinux_2_27_x86_64'],
    sha256: null,
    bytes: 274e6,
  };
  test.each([
    [
      'no network',
      'Failed to establish a new connection: Temporary failure in name resolution\nERROR: No matching distribution found',
      /index cannot be reached.*HTTPS_PROXY/,
    ],
    [
      'an unknown version',
      'ERROR: No matching distribution found for tensorflow-cpu==2.21.0',
      /no tensorflow-cpu 2\.21\.0 for this platform.*--tensorflow/,
    ],
    ['a full disk', 'OSError: [Errno 28] No space left on device', /No space left.*VISUALBERT_CACHE/],
    ['anything else', 'ERROR: odd', /pip could not fetch tensorflow-cpu 2\.21\.0:\nERROR: odd/],
  ])('pip with %s', (_, output, message) => expect(downloadFailure(wheel, output)).toMatch(message));

  test('a processor without AVX is told so instead of being killed', () => {
    const flags = (text: string): string => `processor : 0\nflags\t\t: fpu sse4_2 ${text}\n`;
    expect(() => requireCpu('x64', flags('popcnt'))).toThrow(/no AVX/);
    expect(() => requireCpu('x64', flags('avx avx2'))).not.toThrow();
    expect(() => requireCpu('arm64', flags('popcnt'))).not.toThrow();
  });

  test('an empty PATH has neither Python nor compiler', async () => {
    await expect(findPython({ PATH: '/nowhere' })).rejects.toThrow(/python3 not found, python not found/);
    await expect(findCompiler({ PATH: '/nowhere' })).rejects.toThrow(/\(c\+\+, g\+\+, clang\+\+\)/);
  });
});

test('only libraries, headers and licences are taken from a wheel', () => {
  const wanted = [
    'tensorflow/libtensorflow_cc.so.2',
    'tensorflow/include/tensorflow/c/c_api.h',
    'tensorflow/include/xla/tsl/c/tsl_status.h',
    'nvidia/cudnn/lib/libcudnn.so.9',
    'nvidia/cuda_nvcc/bin/ptxas',
    'tensorflow_cpu-2.21.0.dist-info/METADATA',
  ];
  const unwanted = [
    'tensorflow/python/_pywrap_tfe.so',
    'tensorflow/__init__.py',
    'tensorflow/include/external/eigen/Eigen/Core',
    'nvidia/cudnn/include/cudnn.h',
  ];
  expect(wanted.filter((name) => !isWanted(name))).toEqual([]);
  expect(unwanted.filter(isWanted)).toEqual([]);
});
