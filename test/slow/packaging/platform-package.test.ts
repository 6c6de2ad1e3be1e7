// Prebuilt addons as users install them: both tarballs in an empty project, the engine installed and a step trained with no compiler and no Python,
// and compiled after all where an addon does not fit.
import { appendFileSync, mkdirSync, readFileSync, readdirSync, renameSync } from 'node:fs';
import { copyFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { findEngine } from '../../../src/engine/load/find-engine.js';
import { COMPLETE, librariesFolder } from '../../../src/engine/load/paths.js';
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
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const LIMIT_MS = 1_800_000; // it takes two to four minutes of a machine of its own
const folder = temporaryFolder();
const [project, cache] = [join(folder, 'project'), join(folder, 'cache')];
const engine = findEngine();
const platform = `${engine.platform}-${engine.arch}`;
/** Where the engine of the project lies. Its libraries are those of the engine in use: fetching them is tested elsewhere. */
const installed = join(cache, 'engine', librariesFolder(engine).replace(/.*\//, ''));
const onLinuxX64 = platform === 'linux-x64' ? describe : describe.skip;

const installEngine = (path?: string): string =>
  runInProject(project, [process.execPath, VISUALBERT, 'engine', 'install'], cache, path);
const trained = (): StepValues =>
  JSON.parse(runInProject(project, [process.execPath, ...STEP_ARGUMENTS], cache)) as StepValues;
const addons = (): string[] => readdirSync(join(installed, 'addons')).sort();

onLinuxX64('the package with prebuilt addons', () => {
  let checkout = join(folder, 'checkout');
  let tarball = '';

  beforeAll(() => {
    const tarballs = packWithPlatform(checkout, platform);
    [tarball] = tarballs;
    createProject(project, tarballs);
    mkdirSync(installed, { recursive: true });
    symlinkSync(join(librariesFolder(engine), 'tensorflow'), join(installed, 'tensorflow'));
    copyFileSync(join(librariesFolder(engine), COMPLETE), join(installed, COMPLETE));
  }, LIMIT_MS);

  test('is one that the main package asks npm for, on this platform and its C library alone', () => {
    const metadata = (name: string): Record<string, unknown> =>
      JSON.parse(readFileSync(join(project, 'node_modules', name, 'package.json'), 'utf8')) as Record<string, unknown>;
    const { version, ...own } = metadata(`@visualbert-tfjs/${platform}`);
    expect(own).toMatchObject({ os: ['linux'], cpu: ['x64'], libc: ['glibc'] });
    expect(metadata('visualbert-tfjs')).toMatchObject({
      version,
      optionalDependencies: { [`@visualbert-tfjs/${platform}`]: version },
    });
  });

  test('gives the engine its addons and trains, with neither compiler nor Python', async () => {
    expect(installEngine()).toMatch(/installed in/);
    const prebuilt = join(project, 'node_modules', '@visualbert-tfjs', platform, 'addons');
    expect(addons()).toEqual(readdirSync(prebuilt).sort());
    for (const name of addons()) {
      const file = join(name, readdirSync(join(prebuilt, name))[0] ?? '');
      expect(readFileSync(join(installed, 'addons', file)).equals(readFileSync(join(prebuilt, file)))).toBe(true);
    }
    const { backend, losses } = trained();
    expect(backend).toBe('tensorflow');
    // The same code on the same processor.
    (await expectedValues()).losses.forEach((loss, i) => expect(losses[i]).toBeCloseTo(loss, 6));
  });

  test('is left aside for an addon of other sources, which is compiled', () => {
    const before = addons();
    appendFileSync(join(project, 'node_modules/visualbert-tfjs/native/loader/loader.cc'), '// changed\n');
    expect(() => installEngine()).toThrow(/C\+\+ compiler, and none was found/);
    expect(installEngine(process.env.PATH)).toMatch(/installed in/);
    const added = addons().filter((name) => !before.includes(name));
    expect(added).toEqual([expect.stringMatching(/^visualbert_loader-/)]);
    expect(trained()).toMatchObject({ backend: 'tensorflow' });
  });

  const whole = slowCount(2) === 2 ? test : test.skip;
  whole(
    'has the same bytes when it is built again in another folder',
    () => {
      const first = readFileSync(tarball);
      renameSync(checkout, join(folder, 'elsewhere'));
      checkout = join(folder, 'elsewhere');
      expect(readFileSync(buildPlatform(checkout, platform, join(folder, 'again'))).equals(first)).toBe(true);
    },
    LIMIT_MS,
  );
});
