import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { readMetrics } from '../../../src/training/log/metrics-log.js';
import { lineProgress, SILENT_PROGRESS } from '../../../src/training/log/progress.js';
import { Trainer } from '../../../src/training/loop/trainer.js';
import { type TrainerOptions, type TrainResult } from '../../../src/training/loop/trainer-options.js';
import { type Point, pointModel, points, pointTask } from '../../helpers/tiny-task.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

beforeAll(() => tf.setBackend('cpu'));

const newFolder = (): string => temporaryFolder();

type Options = Partial<TrainerOptions<Point>> & { outputDir: string };

/** 37 examples in batches of 8: five updates an epoch, the last of five examples. */
async function train(options: Options): Promise<TrainResult> {
  const model = pointModel();
  const trainer = new Trainer({
    model,
    task: pointTask,
    train: points(37, 1),
    validation: points(20, 2),
    epochs: 4,
    batchSize: 8,
    learningRate: 0.05,
    logEvery: 1,
    seed: 3,
    progress: SILENT_PROGRESS,
    ...options,
  });
  try {
    return await trainer.train();
  } finally {
    model.dispose();
  }
}

async function losses(dir: string): Promise<unknown[]> {
  const entries = await readMetrics(join(dir, 'metrics.jsonl'));
  return entries.map(({ event, step, loss, accuracy }) => [event, step, loss, accuracy]);
}

const weights = (dir: string): string => readFileSync(join(dir, 'model.safetensors')).toString('hex');

describe('Trainer', () => {
  test('learns, evaluates each epoch, and leaves a complete folder with the best model', async () => {
    const outputDir = newFolder();
    const result = await train({
      outputDir,
      epochs: 20,
      saveAssets: async (dir) => writeFileSync(join(dir, 'vocab.txt'), 'a\n'),
    });
    expect(result).toMatchObject({ step: 100, totalSteps: 100, reason: 'finished' });
    expect(result.best?.metrics['accuracy']).toBeGreaterThan(0.7);
    const evaluations = (await readMetrics(join(outputDir, 'metrics.jsonl'))).filter(
      ({ event }) => event === 'evaluate',
    );
    expect(evaluations.map(({ step }) => step)).toEqual(Array.from({ length: 20 }, (_, i) => 5 * (i + 1)));
    expect(Math.max(...evaluations.map(({ accuracy }) => accuracy as number))).toBe(result.best?.value);
    expect(readdirSync(outputDir).sort()).toEqual([
      'checkpoints',
      'config.json',
      'examples.json',
      'metrics.jsonl',
      'model.safetensors',
      'report.html',
      'run.json',
      'tensorboard',
      'vocab.txt',
    ]);
    const best = join(outputDir, 'checkpoints', `step-${String(result.best?.step).padStart(8, '0')}`);
    expect(weights(outputDir)).toBe(weights(best));
    expect(readdirSync(join(outputDir, 'checkpoints')).length).toBeLessThanOrEqual(3);
  });

  test.each([
    ['in the middle of an epoch', { stopAfter: 7 }],
    ['at the end of an epoch', { stopAfter: 10 }],
    [
      'with accumulation, an average and like lengths',
      { stopAfter: 4, accumulationSteps: 2, emaDecay: 0.9, groupByLength: true },
    ],
    ['between two lines of metrics', { stopAfter: 7, logEvery: 3 }],
  ] as const)('goes on exactly after a stop %s', async (_, { stopAfter, ...rest }) => {
    const [whole, parts] = [newFolder(), newFolder()];
    await train({ outputDir: whole, ...rest });
    const stopped = await train({ outputDir: parts, stopAfter, ...rest });
    expect(stopped).toMatchObject({ reason: 'stopAfter', step: stopAfter });
    const result = await train({ outputDir: parts, resume: true, ...rest });
    expect(result.reason).toBe('finished');
    expect(await losses(parts)).toEqual(await losses(whole));
    expect(weights(parts)).toBe(weights(whole));
  });

  test('saves and stops at SIGTERM, and evaluates when it goes on', async () => {
    const [whole, parts] = [newFolder(), newFolder()];
    await train({ outputDir: whole });
    const onStep = (step: number): void => void (step === 5 && process.emit('SIGTERM', 'SIGTERM'));
    const stopped = await train({ outputDir: parts, callbacks: [{ onStep }] });
    expect(stopped).toMatchObject({ reason: 'SIGTERM', step: 5, metrics: null });
    await train({ outputDir: parts, resume: true });
    expect(await losses(parts)).toEqual(await losses(whole));
    expect(process.listenerCount('SIGTERM')).toBe(0);
  });

  test('stops early when evaluations no longer get better', async () => {
    const result = await train({ outputDir: newFolder(), patience: 2, learningRate: 0, epochs: 50 });
    expect(result).toMatchObject({ reason: 'early', step: 15 });
    expect(result.best?.step).toBe(5);
  });

  test('falls back to the older checkpoint when the newest is damaged, and says which', async () => {
    const [whole, parts] = [newFolder(), newFolder()];
    await train({ outputDir: whole });
    await train({ outputDir: parts, stopAfter: 12 });
    const model = join(parts, 'checkpoints', 'step-00000012', 'optimizer.safetensors');
    truncateSync(model, 100);
    const lines: string[] = [];
    await train({ outputDir: parts, resume: true, progress: lineProgress((line) => lines.push(line)) });
    expect(lines[0]).toMatch(
      /step-00000012: optimizer.safetensors has 100 bytes, \d+ were written; going back to an older/,
    );
    expect(lines[1]).toBe('resume: continuing after step 10 of 20');
    expect(await losses(parts)).toEqual(await losses(whole));
  });

  test('goes on although the best checkpoint is damaged or gone, and keeps the model that the folder has', async () => {
    const outputDir = newFolder();
    const options = { outputDir, learningRate: 0, saveEvery: 1 };
    await train({ ...options, stopAfter: 8 });
    const [best, published] = [join(outputDir, 'checkpoints', 'step-00000005'), weights(outputDir)];
    const model = join(best, 'model.safetensors');
    rmSync(model); // the published one is the same file under another name
    writeFileSync(model, 'ten bytes.');
    const lines: string[] = [];
    const progress = lineProgress((line) => lines.push(line));
    await train({ ...options, resume: true, stopAfter: 1, progress });
    expect(lines).toContainEqual(
      expect.stringMatching(/step-00000005: model.safetensors has 10 bytes.*the run folder keeps/),
    );
    rmSync(best, { recursive: true });
    expect(await train({ ...options, resume: true, progress })).toMatchObject({
      reason: 'finished',
      best: { step: 5 },
    });
    expect(weights(outputDir)).toBe(published);
  });

  test('a run that stopped early has stopped: going on makes no update, unless patience is raised', async () => {
    const outputDir = newFolder();
    const options = { outputDir, patience: 2, learningRate: 0, epochs: 8 };
    await train(options);
    expect(await train({ ...options, resume: true })).toMatchObject({ reason: 'early', step: 15 });
    expect(await train({ ...options, resume: true, patience: 4 })).toMatchObject({ reason: 'early', step: 25 });
  });

  test('metrics that are not finite are never the best ones, whether the run was stopped or not', async () => {
    const values = [NaN, 5, NaN, 6, Infinity];
    const task = (from: number): typeof pointTask => {
      let evaluations = from;
      const compute = (): Record<string, number> => ({ accuracy: values[evaluations++] ?? 0, other: NaN });
      return { ...pointTask, createMetric: () => ({ update: () => undefined, compute }) };
    };
    const [whole, parts] = [newFolder(), newFolder()];
    const { best } = await train({ outputDir: whole, task: task(0), epochs: 5 });
    expect(best).toMatchObject({ step: 20, value: 6 });
    expect(Object.keys(best?.metrics ?? {})).toEqual(['loss', 'accuracy']);
    expect((await train({ outputDir: parts, task: task(0), epochs: 5, stopAfter: 5 })).best).toBeNull();
    expect((await train({ outputDir: parts, task: task(1), epochs: 5, resume: true })).best).toEqual(best);
    expect(weights(parts)).toBe(weights(whole));
  });

  test('goes on with a log that a power cut has left with zeros, and writes no evaluation twice', async () => {
    const [whole, parts] = [newFolder(), newFolder()];
    await train({ outputDir: whole });
    const onStep = (step: number): void => void (step === 5 && process.emit('SIGINT', 'SIGINT'));
    await train({ outputDir: parts, callbacks: [{ onStep }] });
    // As if the pending evaluation had been killed between its line and its checkpoint.
    const line = JSON.stringify({ event: 'evaluate', step: 5, epoch: 1, loss: 1 });
    appendFileSync(join(parts, 'metrics.jsonl'), `${line}\n${'\0'.repeat(40)}\n`);
    await train({ outputDir: parts, resume: true });
    expect(await losses(parts)).toEqual(await losses(whole));
  });

  test('takes no bound of the gradient norm as 0 or Infinity, and both survive a stop', async () => {
    const outputDir = newFolder();
    await train({ outputDir, maxGradNorm: Infinity, stopAfter: 2 });
    const run = JSON.parse(readFileSync(join(outputDir, 'run.json'), 'utf8')) as { arguments: object };
    expect(run.arguments).toMatchObject({ maxGradNorm: 0 });
    expect(await train({ ...run.arguments, outputDir, resume: true })).toMatchObject({ reason: 'stopAfter', step: 4 });
  });

  test('never overwrites a model, nor lets two runs work in one folder', async () => {
    const outputDir = newFolder();
    let second: Promise<TrainResult> | null = null;
    const onStep = (step: number): void => {
      if (step === 2) second = train({ outputDir });
    };
    const first = train({ outputDir, callbacks: [{ onStep }] });
    expect((await first).reason).toBe('finished');
    await expect(second).rejects.toThrow(/process \d+ on .* is training in this folder; wait until it has finished/);
    rmSync(join(outputDir, 'checkpoints'), { recursive: true });
    for (const resume of [false, true])
      await expect(train({ outputDir, resume })).rejects.toThrow(/already holds a model, but no checkpoint/);
  });

  test('refuses to go on with other data or settings, and to overwrite a run', async () => {
    const outputDir = newFolder();
    await train({ outputDir, stopAfter: 3 });
    await expect(train({ outputDir })).rejects.toThrow(/already holds a run; pass resume: true to continue it/);
    await expect(train({ outputDir, resume: true, train: points(38, 1) })).rejects.toThrow(
      /training examples differ from the run's/,
    );
    await expect(train({ outputDir, resume: true, learningRate: 0.1 })).rejects.toThrow(
      /`learningRate` was 0.05, is 0.1/,
    );
    expect((await train({ outputDir, resume: true, keepCheckpoints: 1 })).reason).toBe('finished');
  });

  test('stops at a loss that is not finite, names the step, and keeps the checkpoint', async () => {
    const outputDir = newFolder();
    const good = points(37, 1);
    const bad = {
      ...good,
      example: async (i: number) => (i === 0 ? { x: [NaN, 0, 0, 0, 0], label: 0 } : good.example(i)),
    };
    await expect(
      train({ outputDir, train: bad, saveEvery: 1, shuffle: false, epochs: 2, maxSteps: 20 }),
    ).rejects.toThrow(/step 1: the loss is NaN .* lower the learning rate/);
    const skipping = await train({ outputDir: newFolder(), train: bad, skipNonFinite: true });
    expect(skipping.reason).toBe('finished');
    expect(Number.isFinite(skipping.metrics?.['loss'])).toBe(true);
  });

  test('leaves the older checkpoint intact when a new one cannot be written', async () => {
    const outputDir = newFolder();
    const model = pointModel();
    const save = model.savePretrained.bind(model);
    let saves = 0;
    model.savePretrained = async (dir) => {
      if (++saves === 2) throw new Error('ENOSPC: no space left on device');
      return save(dir);
    };
    await expect(train({ outputDir, model })).rejects.toThrow(
      /step-00000010: could not be written \(ENOSPC.*step-00000005 is intact/,
    );
    expect(readdirSync(join(outputDir, 'checkpoints'))).toEqual(['step-00000005']);
    expect((await train({ outputDir, resume: true })).reason).toBe('finished');
  });

  test('saves every so many updates, keeps the newest and the best, and tells callbacks', async () => {
    const outputDir = newFolder();
    const saved: number[] = [];
    const evaluated: number[] = [];
    const callback = {
      onSave: (step: number) => void saved.push(step),
      onEvaluate: (step: number) => void evaluated.push(step),
    };
    const options = { saveEvery: 3, evaluateEvery: 10, keepCheckpoints: 2, maxSteps: 17, logEvery: 4 };
    const { best, step, totalSteps } = await train({ outputDir, ...options, callbacks: [callback] });
    expect([step, totalSteps]).toEqual([17, 17]);
    expect(evaluated).toEqual([10, 17]);
    expect(saved).toEqual([3, 6, 9, 10, 12, 15, 17]);
    const kept = new Set([15, 17, best?.step].map((one) => `step-${String(one).padStart(8, '0')}`));
    expect(readdirSync(join(outputDir, 'checkpoints')).sort()).toEqual([...kept].sort());
    const lines = (await readMetrics(join(outputDir, 'metrics.jsonl'))).filter(({ event }) => event === 'train');
    expect(lines.map((line) => line.step)).toEqual([4, 8, 12, 16, 17]);
    for (const line of lines)
      for (const name of ['examplesPerSecond', 'secondsPerStep', 'memoryMb']) expect(line[name]).toBeGreaterThan(0);
  });

  test.each(['onStep', 'onEvaluate'] as const)('saves and stops when %s says so, and can go on', async (name) => {
    const [whole, parts] = [newFolder(), newFolder()];
    await train({ outputDir: whole });
    const stop = (step: number): 'stop' | void => (step === 5 ? 'stop' : undefined);
    expect(await train({ outputDir: parts, callbacks: [{ [name]: stop }] })).toMatchObject({
      reason: 'callback',
      step: 5,
    });
    await train({ outputDir: parts, resume: true });
    expect(weights(parts)).toBe(weights(whole));
  });

  test('waits for callbacks that take their time, and ends with what they throw', async () => {
    const outputDir = newFolder();
    const later = async (step: number): Promise<'stop' | void> => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (step === 6) return 'stop';
      if (step === 7) throw new Error('the upload failed');
    };
    expect(await train({ outputDir, callbacks: [{ onStep: later }] })).toMatchObject({ reason: 'callback', step: 6 });
    await expect(train({ outputDir, resume: true, callbacks: [{ onStep: later }] })).rejects.toThrow(
      'the upload failed',
    );
    expect(await train({ outputDir, resume: true })).toMatchObject({ reason: 'finished' });
  });

  test('writes nothing but lines without control codes where no terminal is', async () => {
    const lines: string[] = [];
    await train({ outputDir: newFolder(), progress: lineProgress((line) => lines.push(line)) });
    expect(lines.at(-1)).toMatch(/^evaluation after step 20: loss [\d.]+, accuracy [\d.]+/);
    expect(lines.filter((line) => /[\u0000-\u001f]/.test(line))).toEqual([]);
  });

  test('does not leak tensors', async () => {
    const before = tf.memory().numTensors;
    await train({ outputDir: newFolder(), emaDecay: 0.5, accumulationSteps: 2 });
    expect(tf.memory().numTensors).toBe(before);
    expect(existsSync('checkpoints')).toBe(false);
  });

  test('names unknown arguments and values out of range', () => {
    const make = (options: object): Trainer<Point> =>
      new Trainer({ model: pointModel(), task: pointTask, train: points(4, 1), outputDir: 'x', ...options });
    expect(() => make({ learningrate: 1 })).toThrow(/unknown learningrate; known: outputDir, epochs/);
    expect(() => make({ batchSize: 0 })).toThrow(/batchSize: /);
    expect(() => make({ warmupSteps: 1, warmupRatio: 0.1 })).toThrow(/give one of them/);
    expect(() => make({ train: points(0, 1) })).toThrow(/expected training examples/);
  });
});
