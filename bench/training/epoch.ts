// Measures examples per second of a training run: VQA questions with features read from disk, by our Trainer and by transformers'.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Row } from '../report/rows.js';
import { mean } from '../report/statistics.js';
import { benchCache, pythonFile } from '../subjects/python-env.js';
import { prepareRunFiles, type RunFiles } from '../data/run-files.js';
import { startSubject } from './steps.js';
import { prepareWorkload } from '../subjects/workload.js';

/** Steps at the start that are left out: they compile, allocate and fill caches. */
const WARMUP_STEPS = 3;

export interface EpochOptions {
  python: string;
  batch: number;
  /** Steps that are timed. */
  steps: number;
  threads: number;
  device: 'cpu' | 'gpu';
  precisions: readonly ('fp32' | 'bf16')[];
  /** Folder with questions.json, annotations.json, answers.txt and vocab.txt. */
  data: string;
  log: (line: string) => void;
}

/** Examples per second, like for like in each precision, and our bf16 against their default. */
export async function measureEpoch(options: EpochOptions): Promise<Row[]> {
  const files = prepareRunFiles(options.data, (options.steps + WARMUP_STEPS) * options.batch);
  const { model } = prepareWorkload(options.python, 'pretraining', 8);
  const seconds: Record<string, number> = {};
  for (const precision of options.precisions) {
    seconds[`ours ${precision}`] = await ours(options, files, model, precision);
    options.log(`  ours, ${precision}: ${seconds[`ours ${precision}`]?.toFixed(2)} s a step`);
    seconds[`theirs ${precision}`] = theirs(options, files, model, precision);
    options.log(`  transformers' Trainer, ${precision}: ${seconds[`theirs ${precision}`]?.toFixed(2)} s a step`);
  }
  const row = (what: string, a: string, b: string, speedup: number): Row => ({
    measurement: 'epoch',
    batch: options.batch,
    what: `${what}: time of a step of a real run / transformers' Trainer`,
    ours: (seconds[a] ?? NaN) * 1000,
    theirs: (seconds[b] ?? NaN) * 1000,
    unit: 'ms',
    target: Number((1 / speedup).toFixed(3)),
  });
  return [
    row('fp32', 'ours fp32', 'theirs fp32', 1.25),
    row('bf16', 'ours bf16', 'theirs bf16', 1.25),
    row('our bf16 and their default', 'ours bf16', 'theirs fp32', 1.9),
  ].filter(({ ours }) => !Number.isNaN(ours)); // of the precisions that were asked for
}

async function ours(options: EpochOptions, files: RunFiles, model: string, precision: string): Promise<number> {
  const { questions, annotations, features, answers, vocabulary } = files;
  const outputDir = join(benchCache(), 'epoch-run');
  rmSync(outputDir, { recursive: true, force: true });
  const settings = {
    task: 'vqa',
    ...{ questions, annotations, features, answers, model, outputDir, precision, vocabulary },
    batchSize: options.batch,
    maxSteps: options.steps + WARMUP_STEPS,
    learningRate: 2e-5,
    saveEvery: 'never',
    evaluateEvery: 'never',
  };
  const subject = startSubject({ label: 'tfjs', engine: 'tfjs' }, options);
  try {
    const { threads, device } = options;
    const { ms = [] } = await subject.ask({ do: 'epoch', settings, threads, device });
    return meanAfterWarmup(ms) / 1000;
  } finally {
    await subject.close();
  }
}

function theirs(options: EpochOptions, files: RunFiles, model: string, precision: string): number {
  const command = {
    model,
    questions: files.records,
    features: files.features,
    vocabulary: files.vocabulary,
    answers: files.answerCount,
    steps: options.steps + WARMUP_STEPS,
    batch: options.batch,
    precision,
    threads: options.threads,
    device: options.device,
    out: join(benchCache(), 'epoch-trainer'),
  };
  const text = execFileSync(options.python, [pythonFile('trainer_epoch.py'), JSON.stringify(command)], {
    stdio: ['ignore', 'pipe', 'pipe'], // its warnings show only when it fails
    maxBuffer: 64 << 20,
    encoding: 'utf8',
  });
  const line = text.split('\n').findLast((one) => one.startsWith('{"seconds"')) ?? '{"seconds":[]}';
  return meanAfterWarmup((JSON.parse(line) as { seconds: number[] }).seconds);
}

/** Batches differ in length, so examples per second follow from their sums only. */
function meanAfterWarmup(times: readonly number[]): number {
  return mean(times.slice(WARMUP_STEPS));
}
