// A project that gets the package and its prebuilt addons from tarballs, and what a small model computes there.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTrainingStep, tf, VisualBertConfig, VisualBertForQuestionAnswering } from '../../../src/node.js';
import { COMMAND } from '../command-line/command.js';
import { copyCheckout, pack, run } from './packing.js';

/** What `step.mjs` of the project prints. */
export interface StepValues {
  arch: string;
  backend: string;
  /** Of the forward pass before the updates. */
  logits: number[];
  /** Of two compiled updates. */
  losses: number[];
}

const STEP = `
import { createTrainingStep, tf, VisualBertConfig, VisualBertForQuestionAnswering } from 'visualbert-tfjs/node';
const model = new VisualBertForQuestionAnswering(new VisualBertConfig(JSON.parse(process.argv[2])), { seed: 0 });
const inputs = { inputIds: tf.tensor2d([[101, 7, 8, 102]], undefined, 'int32'), visualEmbeds: tf.ones([1, 3, 16]), labels: tf.tensor2d([[0, 1, 0]]) };
const logits = [...await model.forward(inputs).logits.data()];
const step = await createTrainingStep(model, { learningRate: 1e-3, weightDecay: 0 });
const losses = [(await step.run(inputs)).loss, (await step.run(inputs)).loss];
console.log(JSON.stringify({ arch: process.arch, backend: tf.getBackend(), logits, losses }));
`;
const CONFIG = {
  ...{ vocabSize: 200, hiddenSize: 64, numHiddenLayers: 2, numAttentionHeads: 4, intermediateSize: 128 },
  ...{ visualEmbeddingDim: 16, numLabels: 3, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 },
};
/** The arguments of Node that run it. */
export const STEP_ARGUMENTS = ['step.mjs', JSON.stringify(CONFIG)];

/** The same on the engine of this checkout. */
export async function expectedValues(): Promise<Pick<StepValues, 'logits' | 'losses'>> {
  const model = new VisualBertForQuestionAnswering(new VisualBertConfig(CONFIG), { seed: 0 });
  const inputIds = tf.tensor2d([[101, 7, 8, 102]], undefined, 'int32');
  const inputs = { inputIds, visualEmbeds: tf.ones([1, 3, 16]), labels: tf.tensor2d([[0, 1, 0]]) };
  const logits = [...(await model.forward(inputs).logits.data())];
  const step = await createTrainingStep(model, { learningRate: 1e-3, weightDecay: 0 });
  return { logits, losses: [(await step.run(inputs)).loss, (await step.run(inputs)).loss] };
}

/** Builds a platform's package in a copy of the checkout that is built; returns the tarball's path. */
export function buildPlatform(checkout: string, platform: string, out: string, env: NodeJS.ProcessEnv = {}): string {
  const build = [process.execPath, 'tools/build-platform.mjs', platform, '--out', out];
  return run(checkout, build, { VISUALBERT_DEVICE: 'cpu', ...env }).trim();
}

/** Copies the checkout to `checkout` and makes both tarballs there; returns their paths, the platform's first. */
export function packWithPlatform(checkout: string, platform: string, env: NodeJS.ProcessEnv = {}): [string, string] {
  copyCheckout(checkout);
  pack(checkout, '--ignore-scripts=false'); // builds
  const tarball = buildPlatform(checkout, platform, join(checkout, 'prebuilt'), env);
  run(checkout, [process.execPath, 'tools/packed.mjs', 'open']);
  const main = pack(checkout, '--ignore-scripts').filename;
  run(checkout, [process.execPath, 'tools/packed.mjs', 'close']);
  return [tarball, join(checkout, main)];
}

/** An empty project with the tarballs installed; `flags` of npm. */
export function createProject(folder: string, tarballs: readonly string[], flags: readonly string[] = []): void {
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  writeFileSync(join(folder, 'step.mjs'), STEP);
  const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', ...flags];
  run(folder, ['npm', 'install', ...quietly, ...tarballs, '@tensorflow/tfjs@4.22']);
}

/** Runs `visualbert` or a program of the project, where PATH leads nowhere unless it is given. */
export function runInProject(project: string, command: readonly string[], cache: string, path = '/nowhere'): string {
  const env = { PATH: path, VISUALBERT_CACHE: cache, VISUALBERT_BACKEND: undefined, CXX: undefined };
  return run(project, command, { ...env, VISUALBERT_DEVICE: undefined });
}

/** The command of the project. */
export const VISUALBERT = join('node_modules', 'visualbert-tfjs', COMMAND);
