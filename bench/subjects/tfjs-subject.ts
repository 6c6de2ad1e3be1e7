// Our process of a measurement, which runs the code of src/; see subject.ts for its commands.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tf } from '#tf';
import { openModel } from '../../src/models/open-model.js';
import type { VisualBertPreTrainedModel } from '../../src/models/pretrained-model.js';
import type { StoredModel } from '../../src/models/pretrained/load.js';
import * as api from '../../src/node.js';
import { sortSettings } from '../../src/runs/settings.js';
import { openTrainRun } from '../../src/runs/train.js';
import { loadForwardPass } from '../../src/inference/open-forward-pass.js';
import { SILENT_PROGRESS } from '../../src/training/log/progress.js';
import { type RawTensor } from '../../src/node.js';
import { answerCommands, memory } from './commands.js';
import { checkLeaks } from '../training/leak.js';
import { matmulRate } from '../machine/matmul-rate.js';
import { type SubjectArgs } from './subject.js';
import { readBatches } from './tensors.js';

type Inputs = Record<string, RawTensor>;
type Run = (inputs: Inputs) => Promise<number>;

const TRAINING = { learningRate: 2e-5, weightDecay: 0.01, maxGradNorm: 1 };
let run: Run;
let step: api.TrainingStep | null = null;
let batches: Inputs[];
let next = 0;
let cluster: api.Cluster | null = null;

async function start(args: SubjectArgs): Promise<object> {
  await useEngine(args);
  const whole = await modelBatches(args.batches, args.mode === 'train');
  batches = whole.map((inputs) => rowsOfWorker(inputs, args));
  if (args.mode === 'forward' && args.compiled) {
    const created = performance.now();
    run = await prediction(args);
    return { startMs: performance.now() - created };
  }
  const { model } = await load(args);
  const created = performance.now();
  run = args.mode === 'train' ? await stepped(model, args) : forward(model);
  return { startMs: performance.now() - created };
}

/** The engine with the settings of both sides. */
async function useEngine({ threads, device }: Pick<SubjectArgs, 'threads' | 'device'>): Promise<void> {
  await api.selectBackend({ threads, ...(device === undefined ? {} : { device }) });
}

async function load({ class_name, model: folder, dropout }: SubjectArgs): Promise<{
  model: VisualBertPreTrainedModel;
  config: api.VisualBertConfig;
  begin: number;
}> {
  const stored = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>;
  const config = api.VisualBertConfig.fromJSON({
    ...stored,
    hidden_dropout_prob: dropout,
    attention_probs_dropout_prob: dropout,
  });
  const begin = performance.now();
  const options = { config };
  const model =
    class_name === 'VisualBertForPreTraining'
      ? await api.VisualBertForPreTraining.fromPretrained(folder, options)
      : await api.VisualBertForQuestionAnswering.fromPretrained(folder, options);
  return { config, begin, model };
}

async function stepped(model: VisualBertPreTrainedModel, args: SubjectArgs): Promise<Run> {
  const { compiled, precision, worker, cluster: shared } = args;
  if (precision === 'int8') throw new Error('start: int8 is a precision of prediction');
  if (shared !== undefined && worker !== undefined) {
    const { addresses, wire } = shared;
    cluster = await api.joinCluster({ addresses, worker: worker.index }, { wire });
  }
  const made = await api.createTrainingStep(model, { ...TRAINING, compile: compiled, precision }, cluster);
  step = made;
  const shares = cluster === null ? undefined : [1 / cluster.count];
  return async (inputs) => (await made.run(inputs, shares)).loss;
}

/** A worker's rows of a batch. */
function rowsOfWorker(inputs: Inputs, { worker: { index, count } = { index: 0, count: 1 } }: SubjectArgs): Inputs {
  const share = ({ data, shape: [rows = 1, ...rest], ...tensor }: RawTensor): RawTensor => {
    const size = data.length / count;
    return {
      ...tensor,
      shape: [rows / count, ...rest],
      data: data.slice(index * size, (index + 1) * size),
    } as RawTensor;
  };
  return Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, share(tensor)]));
}

/** The operations of one more step, and its trace in a file when one is named. */
async function profile({ file }: { file?: string }): Promise<object> {
  if (step === null) throw new Error('profile: no step was started');
  const { trace } = await step.profile(batches[next++ % batches.length] as Inputs);
  if (file !== undefined) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(trace));
  }
  return { operations: api.operationTimes(trace) };
}

/** As `predict`, `evaluate` and pipelines load and compute. */
async function prediction({ model: folder, precision }: SubjectArgs): Promise<Run> {
  const open = (): Promise<StoredModel<api.VisualBertForQuestionAnswering>> =>
    openModel(api.VisualBertForQuestionAnswering, folder, {});
  const { forward: pass } = await loadForwardPass(open, { compile: true, precision });
  return async (inputs) => (await pass.outputs(inputs)).logits?.data[0] ?? NaN;
}

/** With the model's own `forward`. */
function forward(model: VisualBertPreTrainedModel): Run {
  return async (inputs) => {
    const outputs = model.forward(inputs, { training: false });
    const logits = await (outputs.logits as tf.Tensor).data();
    tf.dispose(outputs as tf.TensorContainer);
    return logits[0] ?? NaN;
  };
}

/** Batches of a file; masked words come in their short form (`maskedPositions` with as many labels). */
async function modelBatches(path: string, withLabels: boolean): Promise<Inputs[]> {
  const made = await readBatches(path);
  return made.map(({ labels, maskedLabels, maskedPositions, sentenceImageLabels, ...inputs }) => {
    if (!withLabels || labels === undefined) return inputs;
    if (maskedLabels === undefined || maskedPositions === undefined || sentenceImageLabels === undefined)
      return { ...inputs, labels };
    return { ...inputs, labels: maskedLabels, maskedPositions, sentenceImageLabels };
  });
}

async function steps({ count }: { count: number }): Promise<object> {
  const ms: number[] = [];
  const values: number[] = [];
  for (let i = 0; i < count; i++) {
    const inputs = batches[next++ % batches.length] as Inputs;
    const begin = performance.now();
    values.push(await run(inputs));
    ms.push(performance.now() - begin);
  }
  return { ms, values };
}

/** Time to read a checkpoint into a model of its own; Python's model exists already, ours is made too. */
async function loadFile(args: SubjectArgs & { file: string }): Promise<object> {
  const { begin, model } = await load(args);
  const ms = [performance.now() - begin];
  model.dispose();
  return { ms };
}

async function saveState({ target }: { target: string }): Promise<object> {
  mkdirSync(target, { recursive: true });
  const begin = performance.now();
  await step?.saveState(target);
  return { ms: [performance.now() - begin] };
}

async function dispose(): Promise<object> {
  const begin = performance.now();
  await step?.dispose();
  return { ms: [performance.now() - begin] };
}

let saved: VisualBertPreTrainedModel | undefined;

async function saveFile(args: SubjectArgs & { format: 'safetensors' | 'pytorch'; target: string }): Promise<object> {
  saved ??= (await load(args)).model;
  rmSync(args.target, { recursive: true, force: true });
  const begin = performance.now();
  await saved.savePretrained(args.target, { format: args.format });
  return { ms: [performance.now() - begin] };
}

async function convert({ model, target }: { model: string; target: string }): Promise<object> {
  rmSync(target, { recursive: true, force: true });
  const begin = performance.now();
  await api.convertCheckpoint(model, { outDir: target });
  return { ms: [performance.now() - begin] };
}

async function inspect({ path }: { path: string }): Promise<object> {
  const begin = performance.now();
  await api.inspectCheckpoint(path);
  return { ms: [performance.now() - begin] };
}

/** Milliseconds of each step of a training run, waiting for its batch included. */
async function epoch({
  settings,
  ...machine
}: Pick<SubjectArgs, 'threads' | 'device'> & { settings: Record<string, unknown> }): Promise<object> {
  await useEngine(machine);
  const ms: number[] = [];
  let last = performance.now();
  const onStep = (): void => {
    const now = performance.now();
    ms.push(now - last);
    last = now;
  };
  const run = await openTrainRun(sortSettings(settings), { progress: SILENT_PROGRESS, callbacks: [{ onStep }] });
  await run.trainer.train();
  await run.close();
  return { ms };
}

/** Starts the engine, so that what follows is not charged for it. */
async function warm(machine: Pick<SubjectArgs, 'threads' | 'device'>): Promise<object> {
  await useEngine(machine);
  await tf.tidy(() => tf.add(1, 1)).data();
  return {};
}

await answerCommands({
  start,
  run: steps,
  profile,
  load: loadFile,
  save: saveFile,
  'save-state': saveState,
  dispose,
  convert,
  inspect,
  warm,
  memory,
  epoch,
  leak: checkLeaks,
  matmul: matmulRate,
});
(cluster as api.Cluster | null)?.leave(); // set while it answered
