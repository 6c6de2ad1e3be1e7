// `node dist/bench/studies/nlvr.js`: trains on NLVR's human statements here and in PyTorch, with the same initial weights and order.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { AGAIN_FLAG } from '../data/kept-runs.js';
import {
  createTrainingStep,
  type Dataset,
  permutation,
  readNlvr,
  type RawTensor,
  selectBackend,
  type Task,
  VisualBertConfig,
  VisualBertForVisualReasoning,
  withoutOverlap,
} from '../../src/node.js';
import { shapesPaths, writeShapesData } from '../../examples/shapes/write-data.js';
import { openTask } from '../../src/tasks/open-task.js';
import { benchCache, pythonFile, requirePython } from '../subjects/python-env.js';
import { writeSection } from '../report/results.js';
import { readTensors, writeTensors } from '../subjects/tensors.js';

const CLASS = 'VisualBertForVisualReasoning';
const SIZES = { hiddenSize: 128, numHiddenLayers: 4, numAttentionHeads: 4, intermediateSize: 512 };
const NO_DROPOUT = { hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 };
const TRAINING = { learningRate: 1e-4, weightDecay: 0.01, maxGradNorm: 1 };
/** Goals: losses of all steps, and logits on dev after them. */
const [LOSS_BOUND, LOGIT_BOUND] = [1e-3, 1e-2];

const flags = await yargs(hideBin(process.argv))
  .usage('$0 [flags]\n\nCompares training on NLVR with PyTorch and writes the results into docs/results.md.')
  .option('data', {
    string: true,
    defaultDescription: 'statements about drawn scenes, made on first use',
    describe: "folder with lil-lab's NLVR: train.json and dev.json",
  })
  .option('steps', { number: true, default: 200, describe: 'training steps' })
  .option('batch', { number: true, default: 32, describe: 'statements in a step' })
  .option('seed', { number: true, default: 0, describe: 'seed of the weights and of the order' })
  .options(AGAIN_FLAG)
  .strict()
  .parseAsync();

type Inputs = Record<string, RawTensor>;

/** The result of a training run: a loss for each step, and `[n, 2]` logits on dev. */
interface Run {
  losses: Float32Array;
  logits: Float32Array;
}

const python = requirePython((line) => console.error(line));
const folder = join(benchCache(), 'nlvr');
mkdirSync(folder, { recursive: true });
const paths = {
  model: join(folder, 'model'),
  train: join(folder, 'train.safetensors'),
  evaluate: join(folder, 'dev.safetensors'),
};

const sources = flags.data === undefined ? await drawnStatements() : await humanStatements(flags.data);
const opened = await openTask('nlvr', { ...sources }, { purpose: 'train', model: null });
const task = opened.task as Task<unknown>;
const validation = opened.validation as Dataset<unknown>;
const order = Array.from({ length: Math.ceil((flags.steps * flags.batch) / opened.data.length) }, (_, epoch) => [
  ...permutation(opened.data.length, flags.seed, epoch),
]).flat();
const train = await collated(opened.data, order.slice(0, flags.steps * flags.batch));
const dev = await collated(
  validation,
  Array.from({ length: validation.length }, (_, i) => i),
);
await writeBatches(paths.train, train);
await writeBatches(paths.evaluate, dev);

const config = new VisualBertConfig({ ...opened.config, ...SIZES, ...NO_DROPOUT });
const fresh = new VisualBertForVisualReasoning(config, { seed: flags.seed });
await fresh.savePretrained(paths.model);
fresh.dispose();

const { backend } = await selectBackend();
const theirs = await kept('pytorch-2', (out) => pytorch(2, out));
const runs: [string, Run][] = [['PyTorch, 1 thread (noise floor)', await kept('pytorch-1', (out) => pytorch(1, out))]];
for (const compile of backend === 'tensorflow' ? [false, true] : [false]) {
  const kind = compile ? 'compiled' : 'eager';
  runs.push([`this package, ${kind}, ${backend}`, await kept(`${kind}-${backend}`, (out) => ours(compile, out))]);
}

const lines = runs.map(([name, run]) => {
  const [loss, logit] = [largest(run.losses, theirs.losses), largest(run.logits, theirs.logits)];
  const isClose = loss <= LOSS_BOUND && logit <= LOGIT_BOUND;
  if (!isClose) process.exitCode = 1;
  return `| ${name} | ${loss.toExponential(1)} | ${logit.toExponential(1)} | ${mean(run.losses.slice(-20)).toFixed(4)} | ${accuracy(run)}% | ${isClose ? 'yes' : 'no'} |`;
});
const text = `## NLVR: the same training here and in PyTorch

\`npm run build && node dist/bench/studies/nlvr.js\`

${flags.data === undefined ? "Statements about drawn scenes in NLVR's form" : "NLVR's human-written statements over its structured scenes"}: ${opened.data.length} training statements,
${validation.length} dev statements${flags.data === undefined ? '' : ' (those that share a sentence or a scene with training are left out)'}. ${CLASS} with hidden size 128, 4 layers and 4 heads,
${flags.steps} steps of ${flags.batch} statements, AdamW at a constant rate of 1e-4, decay 0.01 in two groups, clipping at 1.0, no dropout. Both sides start from the same
weights (made here, read by transformers) and see the same arrays in the same order. Differences are to PyTorch with 2 threads.

| run | largest difference of a loss | of a dev logit | mean loss of the last 20 steps | dev accuracy | within ${LOSS_BOUND} and ${LOGIT_BOUND} |
|---|---|---|---|---|---|
| PyTorch, 2 threads | | | ${mean(theirs.losses.slice(-20)).toFixed(4)} | ${accuracy(theirs)}% | |
${lines.join('\n')}`;
console.log(text);
writeSection('nlvr', text);
await opened.close();

/** Options of the task `nlvr`; `features` if the scenes are pictures. */
interface StatementFiles {
  data: string;
  validationData: string;
  features?: string;
}

/** lil-lab's statements with their scenes; dev without those that also occur in training. */
async function humanStatements(from: string): Promise<StatementFiles> {
  const data = join(from, 'train.json');
  const validationData = join(folder, 'new-in-dev.jsonl');
  await writeNewStatements(join(from, 'dev.json'), [data], validationData);
  return { data, validationData };
}

/** Data like the quickstart's, created once. */
async function drawnStatements(): Promise<StatementFiles> {
  const made = join(folder, 'drawn');
  const paths = shapesPaths(made);
  if (!existsSync(join(made, 'done'))) {
    await writeShapesData(made, { seed: 0, trainScenes: 1500, testScenes: 300, perTemplate: 400 });
    writeFileSync(join(made, 'done'), '');
  }
  return { data: paths.statements('train'), validationData: paths.statements('validation'), features: paths.images };
}

/** The lines of a file of statements whose sentence and scene do not occur in training. */
async function writeNewStatements(file: string, training: readonly string[], out: string): Promise<void> {
  const known = (await Promise.all(training.map(readNlvr))).flat();
  const isNew = new Set(withoutOverlap(await readNlvr(file), known).map(({ identifier }) => identifier));
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const kept = lines.filter((line) => isNew.has((JSON.parse(line) as { identifier: string }).identifier));
  writeFileSync(out, `${kept.join('\n')}\n`);
}

async function collated(dataset: Dataset<unknown>, indices: readonly number[]): Promise<Inputs[]> {
  const batches: Inputs[] = [];
  for (let from = 0; from < indices.length; from += flags.batch) {
    const examples = await Promise.all(indices.slice(from, from + flags.batch).map((i) => dataset.example(i)));
    batches.push((await task.collate(examples, { seed: flags.seed, epoch: 0, training: true })).inputs);
  }
  return batches;
}

function writeBatches(path: string, batches: readonly Inputs[]): Promise<void> {
  const named = batches.flatMap((batch, i) =>
    Object.entries(batch).map(([name, tensor]) => [`${i}/${name}`, tensor] as const),
  );
  return writeTensors(path, Object.fromEntries(named));
}

/** Runs of the same steps, batch and seed are cached, so that a stopped comparison resumes. */
async function kept(name: string, run: (out: string) => Promise<void> | void): Promise<Run> {
  const out = join(folder, `${name}-${flags.steps}-${flags.batch}-${flags.seed}.safetensors`);
  if (flags.again) rmSync(out, { force: true });
  if (!existsSync(out)) {
    console.error(`${new Date().toISOString().slice(11, 19)} ${name}`);
    await run(out);
  }
  const tensors = await readTensors(out);
  const values = (part: string): Float32Array => (tensors.get(part)?.data ?? new Float32Array()) as Float32Array;
  return { losses: values('losses'), logits: values('logits') };
}

async function ours(compile: boolean, out: string): Promise<void> {
  const model = await VisualBertForVisualReasoning.fromPretrained(paths.model);
  const step = await createTrainingStep(model, { ...TRAINING, compile });
  const losses: number[] = [];
  for (const inputs of train) losses.push((await step.run(inputs)).loss);
  const logits: number[] = [];
  for (const inputs of dev) logits.push(...((await step.outputs(inputs)).logits?.data ?? []));
  await step.dispose();
  model.dispose();
  const values = (list: number[]): RawTensor => ({
    dtype: 'float32',
    shape: [list.length],
    data: Float32Array.from(list),
  });
  await writeTensors(out, { losses: values(losses), logits: values(logits) });
}

function pytorch(threads: number, out: string): void {
  const { learningRate, weightDecay, maxGradNorm } = TRAINING;
  const command = {
    ...paths,
    class_name: CLASS,
    out,
    threads,
    learning_rate: learningRate,
    weight_decay: weightDecay,
    max_grad_norm: maxGradNorm,
  };
  execFileSync(python, [pythonFile('twin_batches.py'), JSON.stringify(command)], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, OMP_WAIT_POLICY: 'passive' }, // active waiting would take the cores from other threads
  });
}

function accuracy({ logits }: Run): string {
  const labels = dev.flatMap(({ labels }) => [...(labels?.data ?? [])]);
  const right = labels.filter((label, i) => ((logits[2 * i + 1] ?? NaN) > (logits[2 * i] ?? NaN) ? 1 : 0) === label);
  return ((100 * right.length) / labels.length).toFixed(1);
}

function largest(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Infinity;
  return a.reduce((max, value, i) => Math.max(max, Math.abs(value - (b[i] ?? NaN))), 0);
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
