// `node dist/bench/easy-vqa.js`: easy-VQA from pixels by `visualbert train vqa` and by PyTorch, over several seeds.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { VisualBertConfig } from '../src/node.js';
import { prepareEasyVqa, writeForPython } from './easy-vqa-data.js';
import { benchCache, pythonFile, requirePython } from './python-env.js';
import { writeSection } from './results.js';

const SIZES = { hiddenSize: 128, numHiddenLayers: 4, numAttentionHeads: 4, intermediateSize: 512 };
const TRAINING = { batchSize: 64, learningRate: 1e-3, weightDecay: 0.01, maxGradNorm: 1, warmupRatio: 0.1 };
/** What the best answer to each question text reaches without the picture. */
const QUESTION_ONLY = 67.0;

const flags = await yargs(hideBin(process.argv))
  .usage(
    '$0 [flags]\n\nTrains easy-VQA here and in PyTorch, and writes the figures into docs/results.md. Runs that are done are kept in the cache, ' +
      'so a stopped comparison goes on where it was. About 20 minutes for each pair of runs on 2 cores, and the long run.',
  )
  .option('data', { default: join('..', 'shared', 'data', 'easy_vqa'), describe: 'folder with easy-VQA' })
  .option('seeds', { array: true, number: true, default: [0, 1, 2], describe: 'one run of each side for each' })
  .option('epochs', { number: true, default: 2, describe: 'of each run' })
  .option('minutes', { number: true, default: 30, describe: 'time of the long run here; 0 leaves it out' })
  .option('threads', { number: true, default: 2, describe: 'threads of PyTorch' })
  .option('precision', { choices: ['fp32', 'bf16'] as const, default: 'fp32' as const, describe: 'of our runs' })
  .option('again', { boolean: true, default: false, describe: 'forget the runs in the cache' })
  .strict()
  .parseAsync();

/** What one run of either side reports. */
interface RunFigures {
  /** Percent on the test questions after each epoch. */
  accuracy: number[];
  /** Seconds of training in each epoch, without evaluation. */
  epochSeconds: number[];
}

const python = requirePython((line) => console.error(line));
const folder = join(benchCache(), 'easy-vqa');
const runs = join(folder, 'runs');
if (flags.again) rmSync(runs, { recursive: true, force: true });
mkdirSync(runs, { recursive: true });
const options = prepareEasyVqa(flags.data, join(folder, 'data'));
const arrays = join(folder, 'arrays');
const dataConfig = await writeForPython(options, arrays);
const config = new VisualBertConfig({ ...dataConfig, ...SIZES });
writeFileSync(join(arrays, 'config.json'), JSON.stringify(config.toJSON()));

const both = flags.seeds.map((seed) => ({
  ours: kept(`ours-${flags.precision}-${flags.epochs}-${seed}`, (name) => ours(name, seed, flags.epochs)),
  theirs: kept(`pytorch-${flags.epochs}-${seed}`, () => pytorch(seed, flags.epochs)),
}));
const [mine, others] = [both.map(({ ours }) => ours), both.map(({ theirs }) => theirs)];
const epochSeconds = mean(mine.flatMap((run) => run.epochSeconds));
const longEpochs = Math.max(1, Math.floor((flags.minutes * 60) / epochSeconds));
const long =
  flags.minutes > 0 ? kept(`long-${flags.precision}-${longEpochs}`, (name) => ours(name, 0, longEpochs)) : null;
const text = report();
console.log(text);
writeSection('easy-vqa', text);

/** The figures of a run, from the cache when it was finished before. */
function kept(name: string, run: (name: string) => RunFigures): RunFigures {
  const path = join(runs, `${name}.json`);
  if (!existsSync(path)) {
    console.error(`${new Date().toISOString().slice(11, 19)} ${name}`);
    writeFileSync(path, JSON.stringify(run(name)));
  }
  const figures = JSON.parse(readFileSync(path, 'utf8')) as RunFigures;
  console.error(`${name}: ${figures.accuracy.map((value) => value.toFixed(1)).join(', ')}%`);
  return figures;
}

/** `visualbert train vqa`, as a user runs it. */
function ours(name: string, seed: number, epochs: number): RunFigures {
  const outputDir = join(runs, name);
  rmSync(outputDir, { recursive: true, force: true });
  const settings = { ...options, ...TRAINING, modelConfig: SIZES, epochs, seed, precision: flags.precision, outputDir };
  const file = `${outputDir}-settings.json`;
  writeFileSync(file, JSON.stringify({ ...settings, evaluationBatchSize: 256, keepCheckpoints: 1 }));
  const { status } = spawnSync(
    process.execPath,
    [join('dist', 'scripts', 'visualbert.js'), 'train', 'vqa', '--config', file],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  if (status !== 0) throw new Error(`visualbert train vqa ended with ${status}`);
  const lines = readFileSync(join(outputDir, 'metrics.jsonl'), 'utf8').trim().split('\n');
  const entries = lines.map((line) => JSON.parse(line) as Record<string, number | string>);
  const accuracy: number[] = [];
  const seconds: number[] = [0];
  let step = 0;
  for (const entry of entries) {
    const at = Number(entry.step);
    if (entry.event === 'evaluate') {
      accuracy.push(Number(entry.accuracy));
      seconds.push(0);
    } else {
      seconds[seconds.length - 1] = (seconds.at(-1) ?? 0) + Number(entry.secondsPerStep) * (at - step);
      step = at;
    }
  }
  return { accuracy, epochSeconds: seconds.slice(0, accuracy.length) };
}

function pytorch(seed: number, epochs: number): RunFigures {
  const { batchSize, learningRate, weightDecay, maxGradNorm, warmupRatio } = TRAINING;
  const command = {
    data: arrays,
    seed,
    epochs,
    batch: batchSize,
    learning_rate: learningRate,
    weight_decay: weightDecay,
    max_grad_norm: maxGradNorm,
    warmup_ratio: warmupRatio,
    threads: flags.threads,
  };
  const { status, stdout } = spawnSync(python, [pythonFile('twin_easy_vqa.py'), JSON.stringify(command)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`twin_easy_vqa.py ended with ${status}`);
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
  const reports = lines.map((line) => JSON.parse(line) as { seconds: number; accuracy: number });
  return { accuracy: reports.map((one) => one.accuracy), epochSeconds: reports.map((one) => one.seconds) };
}

function report(): string {
  const [a, b] = [mine, others].map((side) => side.map((run) => run.accuracy.at(-1) ?? NaN)) as [number[], number[]];
  const difference = Math.abs(mean(a) - mean(b));
  const allowed = 2 * Math.hypot(standardError(a), standardError(b));
  const isClose = difference <= allowed;
  const line = (side: string, accuracy: readonly number[], side_runs: readonly RunFigures[]): string =>
    `| ${side} | ${accuracy.map((value) => value.toFixed(1)).join(', ')} | ${mean(accuracy).toFixed(2)} +- ${standardError(accuracy).toFixed(2)} | ${mean(side_runs.flatMap((run) => run.epochSeconds)).toFixed(0)} s |`;
  const longText =
    long === null
      ? ''
      : `\nHalf an hour here (${longEpochs} epochs, ${(long.epochSeconds.reduce((sum, s) => sum + s, 0) / 60).toFixed(0)} minutes of training): ${(long.accuracy.at(-1) ?? NaN).toFixed(2)}% ` +
        `(after each epoch: ${long.accuracy.map((value) => value.toFixed(1)).join(', ')}).\n`;
  return `## easy-VQA from pixels

\`npm run build && node dist/bench/easy-vqa.js\`

38,575 questions on 4,000 pictures, tested on 9,673 questions on 1,000 others. Regions are the 64 patches of each picture (8 x 8 pixels, their colours and
their place); nothing was pre-trained. \`visualbert train vqa\` with hidden size 128, 4 layers and 4 heads, batch 64, rate 1e-3 (a tenth of the steps to warm up, then
linear to 0), dropout 0.1, ${flags.precision}, ${flags.epochs} epochs; the same model, data and settings with transformers on PyTorch (${flags.threads} threads), each side with its own initial weights and
order. The question alone reaches ${QUESTION_ONLY.toFixed(1)}%.

| side | accuracy by seed, % | mean and standard error | training time of an epoch |
|---|---|---|---|
${line('this package', a, mine)}
${line('PyTorch', b, others)}

Difference of the means ${difference.toFixed(2)}, two standard errors ${allowed.toFixed(2)}: ${isClose ? 'within' : 'not within'}.
${longText}`;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of a mean, from the spread of its values. */
function standardError(values: readonly number[]): number {
  const middle = mean(values);
  const variance = values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
  return Math.sqrt(variance / values.length);
}
