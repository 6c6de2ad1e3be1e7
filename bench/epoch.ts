// Examples per second of a real training run: VQA questions with features read from disk, by our Trainer and by transformers'.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { normalValues } from '../src/node.js';
import { parseAnswers } from '../src/processing/answer-vocabulary.js';
import { vqaQuestionWords } from '../src/processing/text-forms.js';
import { mean, type Row } from './figures.js';
import { benchCache, pythonFile } from './python-env.js';
import { startSubject } from './steps.js';
import { REGIONS } from './measurements.js';
import { prepareWorkload } from './workload.js';

/** Width of a region, as the VQA checkpoint takes it. */
const WIDTH = 2048;
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

/** What of the data set each side needs. */
interface EpochFiles {
  questions: string;
  annotations: string;
  features: string;
  answers: string;
  /** The same questions with their text form and scores, for Python. */
  records: string;
}

/** Examples per second, like for like in each precision, and our bf16 against their default. */
export async function measureEpoch(options: EpochOptions): Promise<Row[]> {
  const files = prepare(options);
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

async function ours(options: EpochOptions, files: EpochFiles, model: string, precision: string): Promise<number> {
  const { questions, annotations, features, answers } = files;
  const outputDir = join(benchCache(), 'epoch-run');
  rmSync(outputDir, { recursive: true, force: true });
  const settings = {
    task: 'vqa',
    ...{ questions, annotations, features, answers, model, outputDir, precision, vocabulary: vocabularyFile(options) },
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

function theirs(options: EpochOptions, files: EpochFiles, model: string, precision: string): number {
  const command = {
    model,
    questions: files.records,
    features: files.features,
    vocabulary: vocabularyFile(options),
    answers: readAnswers(options).size,
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

/** Batches differ in length, so that only their sum says how many examples a second brings. */
function meanAfterWarmup(times: readonly number[]): number {
  return mean(times.slice(WARMUP_STEPS));
}

function vocabularyFile({ data }: EpochOptions): string {
  return join(data, 'vocab.txt');
}

function readAnswers({ data }: EpochOptions): ReturnType<typeof parseAnswers> {
  const path = answersFile(data);
  return parseAnswers(readFileSync(path, 'utf8'), path);
}

function answersFile(data: string): string {
  return join(data, 'answers.txt');
}

/** The first questions that are needed; each picture gets region features of its own on disk, since only their size counts. */
function prepare(options: EpochOptions): EpochFiles {
  const wanted = (options.steps + WARMUP_STEPS) * options.batch;
  const folder = join(benchCache(), `epoch-${basename(options.data)}-${wanted}`);
  const files: EpochFiles = {
    questions: join(folder, 'questions.json'),
    annotations: join(folder, 'annotations.json'),
    features: join(folder, 'features'),
    answers: answersFile(options.data),
    records: join(folder, 'records.json'),
  };
  if (existsSync(folder)) return files;
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(join(part, 'features'), { recursive: true });
  const read = (name: string): unknown => JSON.parse(readFileSync(join(options.data, `${name}.json`), 'utf8'));
  interface Question {
    question_id: number;
    image_id: number;
    question: string;
  }
  interface Annotation {
    question_id: number;
    answers: { answer: string }[];
  }
  const { questions } = read('questions') as { questions: Question[] };
  const { annotations } = read('annotations') as { annotations: Annotation[] };
  const vocabulary = readAnswers(options);
  const scoreOf = new Map(
    annotations.map((one) => [one.question_id, vocabulary.softScores(one.answers.map(({ answer }) => answer))]),
  );
  const chosen = questions.slice(0, wanted);
  const ids = new Set(chosen.map(({ question_id }) => question_id));
  const records = chosen.map(({ question_id, image_id, question }) => ({
    text: `${vqaQuestionWords(question)} ? [MASK]`,
    image: image_id,
    scores: [...(scoreOf.get(question_id) ?? [])].flatMap((score, answer) => (score > 0 ? [[answer, score]] : [])),
  }));
  for (const id of new Set(chosen.map(({ image_id }) => image_id))) {
    const values = normalValues(REGIONS * WIDTH, { seed: id, name: 'features', stddev: 1, mean: 0 });
    writeFileSync(join(part, 'features', `${id}.npy`), npy(values.map(Math.abs), [REGIONS, WIDTH]));
  }
  writeFileSync(join(part, 'questions.json'), JSON.stringify({ questions: chosen }));
  writeFileSync(
    join(part, 'annotations.json'),
    JSON.stringify({ annotations: annotations.filter((one) => ids.has(one.question_id)) }),
  );
  writeFileSync(join(part, 'records.json'), JSON.stringify(records));
  renameSync(part, folder);
  return files;
}

/** A numpy file of float32 values. */
function npy(values: Float32Array, shape: readonly number[]): Uint8Array {
  const about = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`;
  const header = Buffer.from(`${about.padEnd(117)}\n`, 'latin1');
  const magic = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  return Buffer.concat([magic, header, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)]);
}
