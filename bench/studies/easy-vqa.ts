// `node dist/bench/studies/easy-vqa.js`: easy-VQA from pixels by `visualbert train vqa` and by PyTorch, over several seeds.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { VisualBertConfig } from '../../src/node.js';
import { prepareEasyVqa, writeForPython } from '../data/easy-vqa-data.js';
import { fetchEasyVqa } from '../data/fetch-easy-vqa.js';
import { AGAIN_FLAG, SEEDS_FLAG } from '../data/kept-runs.js';
import { mean, median, standardError } from '../report/statistics.js';
import { benchCache, pythonFile, requirePython } from '../subjects/python-env.js';
import { VISUALBERT } from '../subjects/visualbert.js';
import { writeSection } from '../report/results.js';

const SIZES = { hiddenSize: 128, numHiddenLayers: 4, numAttentionHeads: 4, intermediateSize: 512 };
const TRAINING = { batchSize: 64, learningRate: 1e-3, weightDecay: 0.01, maxGradNorm: 1, warmupRatio: 0.1 };
/** Accuracy of the most common answer to each question text, without pictures. */
const QUESTION_ONLY = 67.0;

const flags = await yargs(hideBin(process.argv))
  .usage(
    '$0 [flags]\n\nTrains easy-VQA here and in PyTorch, and writes the results into docs/results.md. Runs that are done are kept in the cache, ' +
      'so a stopped comparison goes on where it was. About 20 minutes for each pair of runs on 2 cores, and the long run. ' +
      'The times come from short runs of both sides that take turns, so nothing else may run meanwhile.',
  )
  .option('data', {
    string: true,
    defaultDescription: "the authors' package on PyPI",
    describe: 'folder with train, test and answers.txt of easy-VQA',
  })
  .option('epochs', { number: true, default: 2, describe: 'epochs of each run' })
  .option('minutes', { number: true, default: 30, describe: 'time of the long run here; 0 leaves it out' })
  .option('precision', {
    choices: ['fp32', 'bf16'] as const,
    default: 'fp32' as const,
    describe: 'precision of our runs',
  })
  .option('seeds', { ...SEEDS_FLAG, describe: 'one run of each side for each' })
  .options(AGAIN_FLAG)
  .strict()
  .parseAsync();

/** Updates of the short runs that are timed, how often each side has its turn, and the threads of each. */
const [TIMED_STEPS, TURNS, THREADS] = [100, 2, 2];

/** The report of one run of either side. */
interface RunMetrics {
  /** Percent on the test questions after each evaluation. */
  accuracy: number[];
  /** Seconds of one update, without evaluation. */
  secondsPerStep: number;
  /** Seconds of one evaluation. */
  evaluationSeconds: number;
}

const python = requirePython((line) => console.error(line));
const folder = join(benchCache(), 'easy-vqa');
const runs = join(folder, 'runs');
if (flags.again) rmSync(runs, { recursive: true, force: true });
mkdirSync(runs, { recursive: true });
const options = prepareEasyVqa(flags.data ?? fetchEasyVqa(python), join(folder, 'data'));
const arrays = join(folder, 'arrays');
const written = await writeForPython(options, arrays);
const config = new VisualBertConfig({ ...written.config, ...SIZES });
writeFileSync(join(arrays, 'config.json'), JSON.stringify(config.toJSON()));

const stepsPerEpoch = Math.ceil(written.trainingExamples / TRAINING.batchSize);
const timed = Array.from({ length: TURNS }, (_, turn) => ({
  ours: kept(`timed-ours-${flags.precision}-${turn}`, (name) => ours(name, 0, 1, TIMED_STEPS)),
  theirs: kept(`timed-pytorch-${turn}`, () => pytorch(0, 1, TIMED_STEPS)),
}));
const stepSeconds = {
  ours: Math.min(...timed.map(({ ours }) => ours.secondsPerStep)),
  theirs: Math.min(...timed.map(({ theirs }) => theirs.secondsPerStep)),
};
const epochSeconds = stepsPerEpoch * stepSeconds.ours + Math.min(...timed.map(({ ours }) => ours.evaluationSeconds));
const longEpochs = Math.max(1, Math.floor((flags.minutes * 60) / epochSeconds));
const long =
  flags.minutes > 0 ? kept(`long-${flags.precision}-${longEpochs}`, (name) => ours(name, 0, longEpochs)) : null;
const both = flags.seeds.map((seed) => ({
  ours: kept(`ours-${flags.precision}-${flags.epochs}-${seed}`, (name) => ours(name, seed, flags.epochs)),
  theirs: kept(`pytorch-${flags.epochs}-${seed}`, () => pytorch(seed, flags.epochs)),
}));
const text = report();
console.log(text);
writeSection('easy-vqa', text);

/** The metrics of a run, from the cache when it was finished before. */
function kept(name: string, run: (name: string) => RunMetrics): RunMetrics {
  const path = join(runs, `${name}.json`);
  if (!existsSync(path)) {
    console.error(`${new Date().toISOString().slice(11, 19)} ${name}`);
    writeFileSync(path, JSON.stringify(run(name)));
  }
  const metrics = JSON.parse(readFileSync(path, 'utf8')) as RunMetrics;
  console.error(`${name}: ${metrics.accuracy.map((value) => value.toFixed(1)).join(', ')}%`);
  return metrics;
}

/** `visualbert train vqa`, as a user runs it; all of its updates, or the first `maxSteps`. */
function ours(name: string, seed: number, epochs: number, maxSteps?: number): RunMetrics {
  const outputDir = join(runs, name);
  rmSync(outputDir, { recursive: true, force: true });
  const settings = { ...options, ...TRAINING, modelConfig: SIZES, epochs, maxSteps, seed, outputDir };
  const file = `${outputDir}-settings.json`;
  const rest = { precision: flags.precision, evaluationBatchSize: 256, keepCheckpoints: 1 };
  writeFileSync(file, JSON.stringify({ ...settings, ...rest }));
  const command = [VISUALBERT, 'train', 'vqa', '--config', file];
  const { status } = spawnSync(process.execPath, command, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`visualbert train vqa ended with ${status}`);
  const lines = readFileSync(join(outputDir, 'metrics.jsonl'), 'utf8').trim().split('\n');
  const entries = lines.map((line) => JSON.parse(line) as Record<string, number | string>);
  const evaluations = entries.filter(({ event }) => event === 'evaluate');
  return {
    accuracy: evaluations.map(({ accuracy }) => Number(accuracy)),
    secondsPerStep: median(
      entries.filter(({ event }) => event === 'train').map((entry) => Number(entry.secondsPerStep)),
    ),
    evaluationSeconds: median(evaluations.map(({ seconds }) => Number(seconds))),
  };
}

function pytorch(seed: number, epochs: number, maxSteps?: number): RunMetrics {
  const { batchSize, learningRate, weightDecay, maxGradNorm, warmupRatio } = TRAINING;
  const command = {
    data: arrays,
    seed,
    epochs,
    max_steps: maxSteps ?? null,
    batch: batchSize,
    learning_rate: learningRate,
    weight_decay: weightDecay,
    max_grad_norm: maxGradNorm,
    warmup_ratio: warmupRatio,
    threads: THREADS,
  };
  const { status, stdout } = spawnSync(python, [pythonFile('twin_easy_vqa.py'), JSON.stringify(command)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`twin_easy_vqa.py ended with ${status}`);
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
  const reports = lines.map((line) => JSON.parse(line) as Record<'step' | 'evaluation' | 'accuracy', number>);
  return {
    accuracy: reports.map(({ accuracy }) => accuracy),
    secondsPerStep: median(reports.map(({ step }) => step)),
    evaluationSeconds: median(reports.map(({ evaluation }) => evaluation)),
  };
}

function report(): string {
  const [mine, others] = [both.map(({ ours }) => last(ours)), both.map(({ theirs }) => last(theirs))];
  const difference = Math.abs(mean(mine) - mean(others));
  const allowed = 2 * Math.hypot(standardError(mine), standardError(others));
  const line = (side: string, accuracy: readonly number[], seconds: number): string =>
    `| ${side} | ${accuracy.map((value) => value.toFixed(1)).join(', ')} | ${mean(accuracy).toFixed(2)} +- ${standardError(accuracy).toFixed(2)} | ${(stepsPerEpoch * seconds).toFixed(0)} s |`;
  const longText =
    long === null
      ? ''
      : `\n${flags.minutes} minutes here are ${longEpochs} epochs with their evaluations: ${last(long).toFixed(2)}% ` +
        `(after each epoch: ${long.accuracy.map((value) => value.toFixed(1)).join(', ')}).\n`;
  return `## easy-VQA from pixels

\`npm run build && node dist/bench/studies/easy-vqa.js\`

38,575 questions on 4,000 pictures, tested on 9,673 questions on 1,000 others. Regions are the 64 patches of each picture (8 x 8 pixels, their colors and
their position); nothing was pre-trained. \`visualbert train vqa\` with hidden size 128, 4 layers and 4 heads, batch 64, rate 1e-3 (a tenth of the steps to warm up, then
linear to 0), dropout 0.1, ${flags.precision}, ${flags.epochs} epochs; the same model, data and arguments with transformers on PyTorch, each side with its own initial weights and
order. The question alone reaches ${QUESTION_ONLY.toFixed(1)}%. The time of an epoch is ${stepsPerEpoch} times that of an update in runs of ${TIMED_STEPS} updates that took
turns with ${THREADS} threads each (the better of ${TURNS} turns), without evaluation.

| side | accuracy by seed, % | mean and standard error | training time of an epoch |
|---|---|---|---|
${line('this package', mine, stepSeconds.ours)}
${line('PyTorch', others, stepSeconds.theirs)}

Difference of the means ${difference.toFixed(2)}, two standard errors ${allowed.toFixed(2)}: ${difference <= allowed ? 'within' : 'not within'}.
${longText}`;
}

/** Percent at the end of a run. */
function last(run: RunMetrics): number {
  return run.accuracy.at(-1) ?? NaN;
}
