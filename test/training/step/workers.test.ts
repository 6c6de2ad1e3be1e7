// Several workers make the same updates as one process with the whole batch.
import { describe, expect, test } from '@jest/globals';
import { useBackend } from '../../helpers/backend.js';
import { compareWorkers, distance, PLAN, type StepEnd } from './step-worker.js';

const { backend, reason } = await useBackend();
const onEngine = backend === 'tensorflow' ? describe : describe.skip;
if (backend !== 'tensorflow') process.stderr.write(`tests of workers are skipped: ${reason}\n`);

onEngine('workers that share each update', () => {
  test('two make those of one process, with dropout, clipping and an average', async () => {
    const { ends, alone } = await compareWorkers(2, PLAN);
    const [first, second] = ends as [StepEnd, StepEnd];
    expect(second).toEqual(first); // bit for bit: every worker applies the same sum
    expect(first.losses[19]).not.toBe(first.losses[0]);
    expect(distance(first, alone)).toBeLessThan(1e-5);
  });
});
