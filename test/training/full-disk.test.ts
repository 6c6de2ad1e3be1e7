// A disk that is really full: a small file system in memory, where this user may mount one.
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { readMetrics } from '../../src/training/metrics-log.js';
import { lineProgress } from '../../src/training/progress.js';
import { Trainer } from '../../src/training/trainer.js';
import { type TrainResult } from '../../src/training/trainer-options.js';
import { pointModel, points, pointTask } from './tiny-task.js';

const disk = mkdtempSync(join(tmpdir(), 'disk-'));
const reason = mount();

function mount(): string | null {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', disk], { stdio: 'pipe' });
    return null;
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).split('\n').at(-2) ?? 'mount failed';
  }
}

beforeAll(() => tf.setBackend('cpu'));
afterAll(() => {
  if (reason === null) execFileSync('umount', [disk]);
  rmSync(disk, { recursive: true });
});

const lines: string[] = [];

async function train(outputDir: string, resume: boolean, onSave?: (step: number) => void): Promise<TrainResult> {
  const model = pointModel();
  const trainer = new Trainer({
    ...{ model, task: pointTask, train: points(37, 1), validation: points(20, 2), outputDir, resume },
    ...{ epochs: 4, batchSize: 8, learningRate: 0.05, logEvery: 1, seed: 3 },
    progress: lineProgress((line) => lines.push(line)),
    ...(onSave === undefined ? {} : { callbacks: [{ onSave }] }),
  });
  try {
    return await trainer.train();
  } finally {
    model.dispose();
  }
}

/** Fills the disk but for so many bytes, in whole pages. */
function fill(spared: number): string {
  const path = join(disk, 'filler');
  writeFileSync(path, '');
  const { bavail, bsize } = statfsSync(disk);
  appendFileSync(path, new Uint8Array(Math.max(0, bavail * bsize - spared)));
  return path;
}

const title = 'a full disk';
(reason === null ? describe : describe.skip)(reason === null ? title : `${title} (skipped: ${reason})`, () => {
  test.each([
    ['when nothing can be written any more', 0],
    ['when there is room for figures, but not for a checkpoint', 8192],
  ])('stops the run with a clear error and keeps the checkpoint: %s', async (_, spared) => {
    const [whole, run] = [mkdtempSync(join(tmpdir(), 'run-')), join(disk, 'run')];
    rmSync(run, { recursive: true, force: true });
    await train(whole, false);
    let filler = '';
    const filling = train(run, false, () => (filler = filler || fill(spared)));
    await expect(filling).rejects.toThrow(/ENOSPC|no space left/);
    expect(readdirSync(join(run, 'checkpoints'))).toEqual(['step-00000005']);
    expect(lines.at(-1)).toMatch(/the run can go on from .*step-00000005 with resume/);
    rmSync(filler);
    expect(await train(run, true)).toMatchObject({ reason: 'finished', step: 20 });
    const losses = async (dir: string): Promise<unknown[]> =>
      (await readMetrics(join(dir, 'metrics.jsonl'))).map(({ event, step, loss }) => [event, step, loss]);
    expect(await losses(run)).toEqual(await losses(whole));
    const weights = (dir: string): string => readFileSync(join(dir, 'model.safetensors')).toString('hex');
    expect(weights(run)).toBe(weights(whole));
  });

  test('and a disk that is mounted read-only: the folder is named, what lies there stays', async () => {
    const run = join(disk, 'finished');
    rmSync(join(disk, 'run'), { recursive: true, force: true });
    await train(run, false);
    const before = readFileSync(join(run, 'metrics.jsonl'), 'utf8');
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    try {
      const named = /run: the run folder cannot be made \(.*EROFS: read-only file system, access '.*disk-\w+'\)/;
      await expect(train(join(disk, 'new', 'run'), false)).rejects.toThrow(named);
      await expect(train(run, true)).rejects.toThrow(/EROFS.*run\.json/);
    } finally {
      execFileSync('mount', ['-o', 'remount,rw', disk]);
    }
    expect(readFileSync(join(run, 'metrics.jsonl'), 'utf8')).toBe(before);
    expect(await train(run, true)).toMatchObject({ reason: 'finished', step: 20 });
  });
});
