// The synthetic twin of each task reaches the metric of examples/shapes/twins.ts in minutes of training.
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { trainTwin, type Twin, TWINS, writeTwins } from '../../examples/shapes/twins.js';
import { type TwinPaths } from '../../examples/shapes/write-twins.js';
import { useBackend } from '../helpers/backend.js';
import { slowCount } from '../helpers/slow-share.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const { backend, reason } = await useBackend();
const title = 'the twin of';
// The quick ones first: a part of the tier takes them.
const names = Object.keys(TWINS).sort((a, b) => stepsOf(a) - stepsOf(b));
// Pre-training on a task's own texts, whose words tell much of each other.
const blindNames = names.filter((name) => /.-pretraining$/.test(name));

let folder: string;
let paths: TwinPaths;
beforeAll(async () => {
  folder = temporaryFolder();
  paths = await writeTwins(folder, { seed: 0 });
});

const runs = new Map<string, Promise<Record<string, number>>>();

/** The metrics of a twin, trained once, after the one that it starts from; `zeroed`: without the pictures. */
function trained(name: string, regions: 'real' | 'zeroed' = 'real'): Promise<Record<string, number>> {
  const key = `${name} ${regions}`;
  const known = runs.get(key);
  if (known !== undefined) return known;
  const run = (async () => {
    const twin = TWINS[name] as Twin;
    if (twin.after !== null) await trained(twin.after);
    const model = twin.after === null ? {} : { model: join(folder, 'runs', `${twin.after} real`) };
    return trainTwin(twin, { paths, outputDir: join(folder, 'runs', key), seed: 0, data: { regions }, ...model });
  })();
  runs.set(key, run);
  return run;
}

function stepsOf(name: string): number {
  const { maxSteps, after } = TWINS[name] as Twin;
  return maxSteps + (after === null ? 0 : stepsOf(after));
}

(backend === 'tensorflow' ? describe : describe.skip)(
  backend === 'tensorflow' ? title : `${title} (skipped: ${reason ?? backend})`,
  () => {
    test.each(names.slice(0, slowCount(names.length)))('%s reaches its score', async (name) => {
      const { metric, goal } = TWINS[name] as Twin;
      expect((await trained(name))[metric]).toBeGreaterThanOrEqual(goal.score);
    });

    test.each(blindNames.slice(0, slowCount(blindNames.length)))('%s misses it without the pictures', async (name) => {
      const { metric, goal } = TWINS[name] as Twin;
      const { [metric]: score = NaN } = await trained(name, 'zeroed');
      expect(Math.abs(score - goal.blind)).toBeLessThan(2);
    });
  },
);
