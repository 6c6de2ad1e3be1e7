// A run that traces one of its updates, on the native engine.
import { SILENT_PROGRESS } from '../../../src/training/log/progress.js';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { ChromeTrace, TraceEvent } from '../../../src/engine/session/contract.js';
import { operationTable, operationTimes } from '../../../src/engine/session/operation-times.js';
import { Trainer } from '../../../src/training/loop/trainer.js';
import { useBackend } from '../../helpers/backend.js';
import { pointModel, points, pointTask } from '../../helpers/tiny-task.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

let hasEngine = false;
beforeAll(async () => {
  const { backend, reason } = await useBackend();
  hasEngine = backend === 'tensorflow';
  if (!hasEngine) process.stderr.write(`skipped: profiles need the native engine (${reason})\n`);
});

/** Eleven examples in batches of 4: three updates an epoch. Returns what was said. */
async function train(outputDir: string, options: { profile: string; compile: boolean }): Promise<string[]> {
  const lines: string[] = [];
  const model = pointModel();
  const trainer = new Trainer({
    ...{ model, task: pointTask, train: points(11, 1), outputDir, epochs: 2, batchSize: 4 },
    progress: { ...SILENT_PROGRESS, line: (text) => lines.push(text) },
    ...options,
  });
  await trainer.train().finally(() => model.dispose());
  return lines;
}

describe('the profile of a run', () => {
  test('is a Chrome trace of one warm update, with names and durations, and a table of the time by type', async () => {
    if (!hasEngine) return;
    const dir = temporaryFolder();
    const profile = join(dir, 'profile.json');
    const lines = await train(join(dir, 'run'), { profile, compile: true });
    const { traceEvents } = JSON.parse(readFileSync(profile, 'utf8')) as ChromeTrace;
    const operations = traceEvents.filter(({ ph }) => ph === 'X');
    expect(operations.map(({ name }) => name)).toEqual(
      expect.arrayContaining([expect.stringMatching(/MatMul/), 'VisualbertAdamW']),
    );
    for (const { ts, dur } of operations)
      expect([typeof ts, typeof dur, (dur ?? -1) >= 0]).toEqual(['number', 'number', true]);
    expect(lines.join('\n')).toContain(`profile of step 3: ${profile} (open it in https://ui.perfetto.dev`);
    expect(operationTimes({ traceEvents })).toContainEqual(
      expect.objectContaining({ type: 'VisualbertAdamW', count: 2 }),
    );
    expect(lines.join('\n')).toMatch(/^operation +ms +share +count\n(\S+ +\d+\.\d +\d+\.\d% +\d+\n)+/m);
  });

  test('is refused where nothing is recorded', async () => {
    const dir = temporaryFolder();
    await expect(train(dir, { profile: join(dir, 'profile.json'), compile: false })).rejects.toThrow(
      /profile needs the compiled step/,
    );
  });
});

describe('times by type of operation', () => {
  const device = (pid: number, name: string): TraceEvent => ({ name: 'process_name', ph: 'M', pid, args: { name } });
  const event = (pid: number, name: string, dur: number): TraceEvent => ({ name, ph: 'X', pid, dur, args: { name } });

  test('add up counts and milliseconds, the costliest first', () => {
    const traceEvents = [
      device(0, '/device:CPU:0'),
      event(0, 'Add', 500),
      event(0, 'MatMul', 2000),
      event(0, 'Add', 250),
    ];
    expect(operationTimes({ traceEvents })).toEqual([
      { type: 'MatMul', count: 1, ms: 2 },
      { type: 'Add', count: 2, ms: 0.75 },
    ]);
    expect(operationTable(operationTimes({ traceEvents }), 1).split('\n')).toEqual([
      'operation           ms  share  count',
      'MatMul             2.0  72.7%      1',
      '1 more types       0.8  27.3%      2',
      'all                2.8 100.0%      3',
    ]);
  });

  test('are those of the kernels on a GPU, not of their launches', () => {
    const traceEvents = [
      device(0, '/device:GPU:0'),
      device(1, '/device:GPU:0/stream:all'),
      event(0, 'MatMul', 10),
      event(1, 'MatMul', 3000),
    ];
    expect(operationTimes({ traceEvents })).toEqual([{ type: 'MatMul', count: 1, ms: 3 }]);
  });
});
