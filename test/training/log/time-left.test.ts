// The remaining time of a run, with a simulated clock.
import { describe, expect, test } from '@jest/globals';
import { duration, lineProgress } from '../../../src/training/log/progress.js';
import { type Pause, TimeLeft } from '../../../src/training/log/time-left.js';

/** A run of 100 updates with an evaluation after every 20 and a save after every 10 in between. */
function startRun({ at = 0 } = {}): {
  timeLeft: TimeLeft;
  update: (step: number, seconds: number) => number | null;
  pause: (step: number, seconds: number) => void;
  record: () => void;
} {
  let [clock, recordings] = [1000, 0];
  const pauseAfter = (step: number): Pause | null => (step % 20 === 0 ? 'evaluation' : step % 10 === 0 ? 'save' : null);
  const timeLeft = new TimeLeft({ total: 100, at, pauseAfter, recordings: () => recordings, now: () => clock });
  return {
    timeLeft,
    update: (step, seconds) => ((clock += seconds), timeLeft.update(step)),
    pause: (step, seconds) => ((clock += seconds), timeLeft.pause(step)),
    record: () => void recordings++,
  };
}

describe('the time left', () => {
  test('is unknown until an update has recorded nothing, and then goes by its pace', () => {
    const { update, record } = startRun();
    record();
    expect(update(1, 30)).toBeNull();
    expect(update(2, 2)).toBe(98 * 2);
  });

  test('follows the last 20 updates', () => {
    const { update } = startRun({ at: 10 });
    for (let step = 11; step <= 30; step++) update(step, 5);
    for (let step = 31; step <= 40; step++) update(step, 1);
    expect(update(41, 1)).toBeCloseTo(59 * ((9 * 5 + 11) / 20), 9);
    for (let step = 42; step < 51; step++) update(step, 1);
    expect(update(51, 1)).toBeCloseTo(49, 9);
  });

  test('counts the evaluations and saves that are still to come, once they are known', () => {
    const { update, pause } = startRun();
    for (let step = 1; step <= 10; step++) update(step, 1);
    pause(10, 4); // saves after 30, 50, 70 and 90 are left
    expect(update(11, 1)).toBe(89 + 4 * 4);
    for (let step = 12; step <= 20; step++) update(step, 1);
    pause(20, 30); // evaluations after 40, 60, 80 and 100 are left
    expect(update(21, 1)).toBe(79 + 4 * 4 + 4 * 30);
    for (let step = 22; step < 30; step++) update(step, 1);
    expect(update(30, 1)).toBe(70 + 4 * 4 + 4 * 30);
    pause(30, 6);
    expect(update(31, 1)).toBe(69 + 3 * 6 + 4 * 30);
  });

  test('knows what an evaluation takes from the pending one of a resumed run', () => {
    const { update, pause } = startRun({ at: 80 });
    pause(80, 30);
    expect(update(81, 1)).toBe(19 + 30); // the one after 100
  });

  test('stands in the line of an update where it is known', () => {
    const lines: string[] = [];
    let clock = 0;
    const progress = lineProgress(
      (line) => lines.push(line),
      () => clock,
    );
    progress.start(100, 0);
    for (const [step, secondsLeft] of [
      [1, null],
      [2, 190],
      [100, 0],
    ] as const) {
      clock += 10;
      progress.update(step, { loss: 0.5, learningRate: 1e-4, secondsLeft });
    }
    expect(lines).toEqual([
      'step 1 of 100: loss 0.5000, rate 1.00e-4',
      'step 2 of 100: loss 0.5000, rate 1.00e-4, 3 min 10 s left',
      'step 100 of 100: loss 0.5000, rate 1.00e-4',
    ]);
  });
});

test('durations are short to read', () => {
  expect([4, 64, 3605, -1].map(duration)).toEqual(['4 s', '1 min 04 s', '1 h 00 min', '0 s']);
});
