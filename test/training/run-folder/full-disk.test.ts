// A full disk: a small file system in memory, if this user may mount one.
import { appendFileSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { CheckpointStore, publishFiles } from '../../../src/training/run-folder/checkpoints.js';
import { readMetrics } from '../../../src/training/log/metrics-log.js';
import { lineProgress } from '../../../src/training/log/progress.js';
import { Trainer } from '../../../src/training/loop/trainer.js';
import { type TrainResult } from '../../../src/training/loop/trainer-options.js';
import { mountSmallDisk } from '../../helpers/machine/small-disk.js';
import { pointModel, points, pointTask } from '../../helpers/tiny-task.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const small = mountSmallDisk();
const { folder: disk, reason } = small;

beforeAll(() => tf.setBackend('cpu'));
afterAll(() => small.remove());

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
    ['when there is space for metrics, but not for a checkpoint', 8192],
  ])('stops the run with a clear error and keeps the checkpoint: %s', async (_, spared) => {
    const [whole, run] = [temporaryFolder(), join(disk, 'run')];
    rmSync(run, { recursive: true, force: true });
    await train(whole, false);
    let filler = '';
    const filling = train(run, false, () => (filler = filler || fill(spared)));
    await expect(filling).rejects.toThrow(/ENOSPC|no space left/);
    expect(readdirSync(join(run, 'checkpoints'))).toEqual(['step-00000005']);
    expect(lines.at(-1)).toMatch(/the run can continue from .*step-00000005 with resume/);
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
    await small.whileReadOnly(async () => {
      const named = /run: the run folder cannot be created \(.*EROFS: read-only file system, access '.*disk-\w+'\)/;
      await expect(train(join(disk, 'new', 'run'), false)).rejects.toThrow(named);
      await expect(train(run, true)).rejects.toThrow(/EROFS.*run\.json/);
    });
    expect(readFileSync(join(run, 'metrics.jsonl'), 'utf8')).toBe(before);
    expect(await train(run, true)).toMatchObject({ reason: 'finished', step: 20 });
  });

  test('and a checkpoint, or the files of the best one, that cannot be written there', async () => {
    const store = new CheckpointStore(join(disk, 'store'));
    await store.write(1, {}, async () => undefined);
    await small.whileReadOnly(async () => {
      const refused = /step-00000002: could not be written \(.*EROFS: read-only file system.*step-00000001 is intact/;
      await expect(store.write(2, {}, async () => undefined)).rejects.toThrow(refused);
      await expect(publishFiles(store.dirOf(1), join(disk, 'best'), [])).rejects.toThrow(/EROFS.*disk-/);
    });
  });
});
