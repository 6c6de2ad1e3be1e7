// Twenty workers killed at random moments: `visualbert train --workers 2` restarts and ends like an undisturbed run.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { uniformValues } from '../../../src/random/values.js';
import { slowCount } from '../../helpers/slow-share.js';
import { argsOf, childrenOf, lossesOf, startCommand } from '../../helpers/command-line/worker-runs.js';

const KILLS = slowCount(20);
/** Of one run; so many restarts are allowed. */
const KILLS_OF_RUN = 5;
const SEED = 21;

/** The next draw, from 0 to 1: the same ones in each run of the test. */
const draws = (
  (next) => (): number =>
    uniformValues(1, SEED, next++, 0)[0] as number
)(0);

/** Starts a run and kills a worker at a random moment of each start, at most so often. Returns how many were killed. */
async function killedRun(run: string, kills: number, lengthMs: number): Promise<number> {
  const flags = ['--workers', '2', '--max-restarts', String(kills)];
  const { child, end } = startCommand([...argsOf(run), ...flags]);
  let killed = 0;
  while (killed < kills && child.exitCode === null) {
    const before = childrenOf(child).join();
    await Promise.race([sleep(draws() * lengthMs), end]);
    const workers = childrenOf(child);
    const victim = workers[draws() < 0.5 ? 0 : 1];
    if (workers.length < 2 || victim === undefined || workers.join() !== before) continue;
    process.kill(victim, 'SIGKILL');
    killed += 1;
    while (child.exitCode === null && childrenOf(child).some((pid) => workers.includes(pid))) await sleep(50);
    while (child.exitCode === null && childrenOf(child).length < 2) await sleep(50);
  }
  const { code, stderr } = await end;
  expect([run, code, stderr]).toEqual([run, 0, expect.anything()]);
  expect(stderr.split(': starting all workers again').length - 1).toBe(killed);
  return killed;
}

test(`${KILLS} workers killed at random moments change nothing of their runs`, async () => {
  const began = performance.now();
  expect((await startCommand([...argsOf('undisturbed'), '--workers', '2']).end).code).toBe(0);
  const lengthMs = performance.now() - began;
  const expected = await lossesOf('undisturbed');
  expect(Object.keys(expected)).toHaveLength(3 * (12 + 4));
  for (let [run, killed] = [0, 0]; killed < KILLS; run++) {
    killed += await killedRun(`killed-${run}`, Math.min(KILLS_OF_RUN, KILLS - killed), lengthMs);
    expect(await lossesOf(`killed-${run}`)).toEqual(expected);
  }
});
