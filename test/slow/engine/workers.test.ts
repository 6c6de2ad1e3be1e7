// Several workers make the same updates as one process with the whole batch: accumulated, scaled, without dropout, with bfloat16 exchange.
import { describe, expect, test } from '@jest/globals';
import { useBackend } from '../../helpers/backend.js';
import { compareWorkers, distance, PLAN, type StepEnd, type StepPlan } from '../../training/step/step-worker.js';

const { backend, reason } = await useBackend();
const onEngine = backend === 'tensorflow' ? describe : describe.skip;
if (backend !== 'tensorflow') process.stderr.write(`tests of workers are skipped: ${reason}\n`);

const WHOLE = 1e-5;

const CASES: [what: string, workers: number, plan: Partial<StepPlan>, tolerance: number][] = [
  ['two without dropout', 2, { dropout: 0 }, WHOLE],
  ['four with dropout', 4, {}, WHOLE],
  ['two with accumulated batches', 2, { accumulation: 2 }, WHOLE],
  ['two with a bound for each parameter', 2, { options: { optimizer: 'bertadam' } }, WHOLE],
  // Gradients have 8 bits: a rate of 1e-3 moves parameters by up to 2e-2 in 20 steps, of which rounding changes some percent.
  ['two with gradients in bfloat16', 2, { wire: 'bf16' }, 2e-3],
  // Products are rounded to 11 bits, sums of other lengths to other values.
  ['two in float16 with a scaled loss', 2, { options: { precision: 'fp16', maxGradNorm: 0.5 } }, 5e-3],
];

onEngine('workers that share each update', () => {
  test.each(CASES)('%s', async (_, workers, plan, tolerance) => {
    const { ends, alone } = await compareWorkers(workers, { ...PLAN, ...plan });
    const [first, ...others] = ends as [StepEnd, ...StepEnd[]];
    for (const other of others) expect(other).toEqual(first);
    expect(distance(first, alone)).toBeLessThan(tolerance);
  });
});
