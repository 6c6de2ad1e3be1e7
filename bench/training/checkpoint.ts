// Measures saving and disposing of a training step: saveState and torch.save of the same tensors, and dispose.
import { join } from 'node:path';
import { rmSync } from 'node:fs';
import { type Row } from '../report/rows.js';
import { median } from '../report/statistics.js';
import type { FileOptions } from '../files.js';
import { benchCache } from '../subjects/python-env.js';
import { startSubject, startStep } from './steps.js';

/** Steps before the first save, as in a run that is interrupted early. */
const STEPS = 2;
/** `ours / theirs`, each save beside one of the other side. */
const SAVE_GOAL = 1.3;
const DISPOSE_GOAL_MS = 1000;
/** What saving and the end may add to the memory of the steps. */
const MEMORY_GOAL_MB = 200;

/** Saves of both sides in turn, the first of each apart, since it may have to prepare something; then the end of ours. */
export async function measureCheckpoint({ python, rounds, threads, log }: FileOptions): Promise<Row[]> {
  const options = { python, threads, batch: 8, device: 'cpu' as const };
  const sides = [
    { label: 'tfjs', engine: 'tfjs', compiled: true },
    { label: 'torch', engine: 'torch', compiled: false },
  ] as const;
  const target = join(benchCache(), 'saved-state');
  const subjects = sides.map((side) => startSubject(side, options));
  const times: [number[], number[]] = [[], []];
  try {
    for (const [i, subject] of subjects.entries()) {
      await startStep(subject, sides[i] as (typeof sides)[number], options);
      await subject.ask({ do: 'run', count: STEPS });
    }
    const [ours, theirs] = subjects;
    const peak = async (): Promise<number> => (await ours?.ask({ do: 'memory' }))?.peakBytes ?? NaN;
    const before = await peak();
    for (let round = 0; round <= rounds; round++) {
      for (const [i, subject] of subjects.entries()) {
        const { ms = [] } = await subject.ask({ do: 'save-state', target: `${target}-${sides[i]?.engine}-${round}` });
        log(`  ${subject.label}: ${ms.map((t) => t.toFixed(0)).join(' ')} ms`);
        times[i]?.push(...ms);
      }
    }
    const { ms: disposed = [] } = (await ours?.ask({ do: 'dispose' })) ?? {};
    const added = ((await peak()) - before) / 1e6;
    await theirs?.close();
    const row = (what: string, ours: number, theirs: number | null, target: number, unit: Row['unit']): Row => ({
      ...{ measurement: 'checkpoint', batch: 8, what, ours, theirs, unit, target },
    });
    const [[first = NaN, ...later], [theirFirst = NaN, ...theirLater]] = times;
    return [
      row('first saveState / torch.save of the same tensors', first, theirFirst, SAVE_GOAL, 'ms'),
      row('later saveState / torch.save', median(later), median(theirLater), SAVE_GOAL, 'ms'),
      row('dispose after training', disposed[0] ?? NaN, null, DISPOSE_GOAL_MS, 'ms'),
      row('peak memory that saving and dispose add to that of the steps', added, null, MEMORY_GOAL_MB, 'MB'),
    ];
  } finally {
    for (const subject of subjects) await subject.close();
    for (const { engine } of sides)
      for (let round = 0; round <= rounds; round++)
        rmSync(`${target}-${engine}-${round}`, { recursive: true, force: true });
  }
}
