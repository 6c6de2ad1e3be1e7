// A run that is killed at many moments equals an undisturbed run.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { uniformValues } from '../../src/random/values.js';
import { type MetricsEntry, readMetrics } from '../../src/training/log/metrics-log.js';
import { slowCount } from '../helpers/slow-share.js';
import { COMMAND, visualbert } from '../helpers/command-line/command.js';
import { writeNlvrFiles } from '../helpers/command-line/nlvr-files.js';

const KILLS = slowCount(50);
/** Every update writes a checkpoint and rotates an old one away, so that most kills hit a write. */
const STEPS = 20 * KILLS;

const metricsOf = (entries: readonly MetricsEntry[]): unknown[] =>
  entries.map(({ event, step, loss, accuracy }) => [event, step, loss, accuracy]);

test(`${KILLS} kills at random moments lose no checkpoint and change no bit`, async () => {
  expect(existsSync(COMMAND)).toBe(true);
  const files = writeNlvrFiles();
  const [whole, parts] = [join(files.folder, 'whole'), join(files.folder, 'parts')];
  const args = (run: string): string[] => [
    ...['train', 'nlvr', '--model-config', files.modelConfig, '--output-dir', run],
    ...['--data', files.train, '--validation-data', files.validation, '--batch-size', '4', '--max-steps', `${STEPS}`],
    ...['--evaluate-every', '25', '--save-every', '1', '--keep-checkpoints', '2', '--log-every', '1'],
  ];
  const started = performance.now();
  expect((await visualbert(args(whole))).code).toBe(0);
  const span = (2 * (performance.now() - started)) / KILLS; // twice the share of each: kills fall all over the run
  const delays = uniformValues(KILLS, 1, 0, 9);
  let newest = 0;
  for (const [kill, share] of delays.entries()) {
    const resume = newest > 0 ? ['--resume'] : [];
    // Counted from the moment that the plan is shown: starting the engine is not what is tested.
    const { signal } = await visualbert([...args(parts), ...resume], 'updates of', (child) =>
      setTimeout(() => child.kill('SIGKILL'), span * share),
    );
    if (signal === null) break; // the run was faster than the kills
    const folder = join(parts, 'checkpoints');
    const steps = (existsSync(folder) ? readdirSync(folder) : [])
      .flatMap((name) => /^step-(\d+)$/.exec(name)?.[1] ?? [])
      .map(Number);
    expect({ kill, lost: Math.max(newest, ...steps) < newest }).toEqual({ kill, lost: false });
    newest = Math.max(newest, ...steps);
  }
  const last = await visualbert([...args(parts), ...(newest > 0 ? ['--resume'] : [])]);
  expect(last.stderr).not.toMatch(/damaged|going back/);
  expect(last.code).toBe(0);
  const [a, b] = await Promise.all([whole, parts].map((run) => readMetrics(join(run, 'metrics.jsonl'))));
  expect(metricsOf(b ?? [])).toEqual(metricsOf(a ?? []));
  expect(readFileSync(join(parts, 'model.safetensors')).equals(readFileSync(join(whole, 'model.safetensors')))).toBe(
    true,
  );
});
