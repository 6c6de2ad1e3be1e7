// Prebuilt addons as users install them: both tarballs in an empty project, the engine installed and a step trained with no compiler and no Python,
// and compiled after all where an addon does not fit.
import { appendFileSync, mkdirSync, readFileSync, readdirSync, renameSync } from 'node:fs';
import { copyFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { createTrainingStep, tf, VisualBertConfig, VisualBertForQuestionAnswering } from '../../../src/node.js';
import { findEngine } from '../../../src/engine/load/find-engine.js';
import { COMPLETE, librariesFolder } from '../../../src/engine/load/paths.js';
import { copyCheckout, pack, run } from '../../helpers/kernels/packing.js';
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

const STEP = `
import { createTrainingStep, tf, VisualBertConfig, VisualBertForQuestionAnswering } from 'visualbert-tfjs/node';
const model = new VisualBertForQuestionAnswering(new VisualBertConfig(JSON.parse(process.argv[2])), { seed: 0 });
const inputs = { inputIds: tf.tensor2d([[101, 7, 8, 102]], undefined, 'int32'), visualEmbeds: tf.ones([1, 3, 16]), labels: tf.tensor2d([[0, 1, 0]]) };
const step = await createTrainingStep(model, { learningRate: 1e-3, weightDecay: 0 });
const losses = [(await step.run(inputs)).loss, (await step.run(inputs)).loss];
console.log(JSON.stringify({ backend: tf.getBackend(), losses }));
`;
const CONFIG = {
  ...{ vocabSize: 200, hiddenSize: 64, numHiddenLayers: 2, numAttentionHeads: 4, intermediateSize: 128 },
  ...{ visualEmbeddingDim: 16, numLabels: 3, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 },
};

/** A program of the project, where PATH leads nowhere unless it is given. */
function inProject(args: readonly string[], path = '/nowhere'): string {
  const env = { PATH: path, VISUALBERT_CACHE: cache, VISUALBERT_BACKEND: undefined, CXX: undefined };
  return run(project, [process.execPath, ...args], { ...env, VISUALBERT_DEVICE: undefined });
}
const installEngine = (path?: string): string =>
  inProject(['node_modules/visualbert-tfjs/dist/scripts/visualbert.js', 'engine', 'install'], path);
const trained = (): unknown => JSON.parse(inProject(['step.mjs', JSON.stringify(CONFIG)]));
const addons = (): string[] => readdirSync(join(installed, 'addons')).sort();

/** The same two updates on the engine of this checkout. */
async function expectedLosses(): Promise<number[]> {
  const model = new VisualBertForQuestionAnswering(new VisualBertConfig(CONFIG), { seed: 0 });
  const inputIds = tf.tensor2d([[101, 7, 8, 102]], undefined, 'int32');
  const inputs = { inputIds, visualEmbeds: tf.ones([1, 3, 16]), labels: tf.tensor2d([[0, 1, 0]]) };
  const step = await createTrainingStep(model, { learningRate: 1e-3, weightDecay: 0 });
  return [(await step.run(inputs)).loss, (await step.run(inputs)).loss];
}

onLinuxX64('the package with prebuilt addons', () => {
  let checkout = join(folder, 'checkout');
  const build = (out: string): string =>
    run(checkout, [process.execPath, 'tools/build-platform.mjs', '--out', out], { VISUALBERT_DEVICE: 'cpu' }).trim();
  let tarball = '';

  beforeAll(() => {
    copyCheckout(checkout);
    pack(checkout, '--ignore-scripts=false'); // builds
    tarball = build(join(checkout, 'prebuilt'));
    run(checkout, [process.execPath, 'tools/packed.mjs', 'open']);
    const main = pack(checkout, '--ignore-scripts').filename;
    run(checkout, [process.execPath, 'tools/packed.mjs', 'close']);
    mkdirSync(project);
    writeFileSync(join(project, 'package.json'), '{ "private": true }');
    writeFileSync(join(project, 'step.mjs'), STEP);
    const packages = [join(checkout, main), tarball, '@tensorflow/tfjs@4.22'];
    run(project, ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages]);
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
    const { backend, losses } = trained() as { backend: string; losses: number[] };
    expect(backend).toBe('tensorflow');
    // The same code on the same processor.
    (await expectedLosses()).forEach((loss, i) => expect(losses[i]).toBeCloseTo(loss, 6));
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
      expect(readFileSync(build(join(folder, 'again'))).equals(first)).toBe(true);
    },
    LIMIT_MS,
  );
});
