// Every task model, compiled against eager: 20 steps with dropout, with saving and resuming in between.
import { describe, expect, test } from '@jest/globals';
import { VisualBertConfig } from '../../../src/config/config.js';
import type { VisualBertPreTrainedModel } from '../../../src/models/pretrained-model.js';
import { createTrainingStep } from '../../../src/training/step/compiled-step.js';
import { type TrainingStepOptions } from '../../../src/training/step/options.js';
import { useBackend } from '../../helpers/backend.js';
import { TASK_MODEL_SIZES, TASK_MODELS } from '../../helpers/models/task-models.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const choice = await useBackend();
const hasEngine = choice.backend === 'tensorflow';
if (!hasEngine) process.stdout.write(`skipped: ${choice.reason}\n`);

const STEPS = 20;
const OPTIONS: TrainingStepOptions = {
  learningRate: 1e-3,
  weightDecay: 0.01,
  warmupSteps: 3,
  totalSteps: STEPS + 10,
  maxGradNorm: 1,
  seed: 11,
};
/** Their true gradients are zero: under Adam they move by rounding noise. */
const WITHOUT_GRADIENT: Record<string, RegExp> = { 'multiple choice': /key\.bias$|^cls\.bias$/ };
const KEY_BIAS = /key\.bias$/;

type Inputs = (typeof TASK_MODELS)[number][2];
type Parameters = Map<string, Float32Array>;

async function parametersOf(model: VisualBertPreTrainedModel): Promise<Parameters> {
  return new Map(
    [...(await model.stateDict())].map(([name, { data }]) => [name, Float32Array.from(data as Float32Array)]),
  );
}

/** Steps from `from` to `to`; the model is whole again afterwards. With `dir` the state is read there first, and written there at the end. */
async function train(
  model: VisualBertPreTrainedModel,
  inputs: Inputs,
  { compile, count, resume, save }: { compile: boolean; count: number; resume?: string; save?: string },
): Promise<number[]> {
  const step = await createTrainingStep(model, { ...OPTIONS, compile });
  if (resume !== undefined) await step.loadState(resume);
  const losses: number[] = [];
  for (let i = 0; i < count; i++) losses.push((await step.run(inputs)).loss);
  if (save !== undefined) {
    await step.saveState(save);
    await model.savePretrained(save);
  }
  await step.dispose();
  return losses;
}

(hasEngine ? describe : describe.skip)('the compiled step', () => {
  test.each(TASK_MODELS)(
    'equals the eager one over 20 steps, a save and a resume between them: %s',
    async (name, Model, inputs) => {
      const config = new VisualBertConfig(TASK_MODEL_SIZES);
      const eager = new Model(config);
      const start = await parametersOf(eager);
      const expected = await train(eager, inputs, { compile: false, count: STEPS });

      const dir = temporaryFolder();
      const first = new Model(config);
      const losses = await train(first, inputs, { compile: true, count: STEPS / 2, save: dir });
      const second = await Model.fromPretrained(dir);
      losses.push(...(await train(second, inputs, { compile: true, count: STEPS / 2, resume: dir })));

      expected.forEach((loss, i) => expect(losses[i]).toBeCloseTo(loss, 4));
      const [a, b] = [await parametersOf(eager), await parametersOf(second)];
      const distance = (x: Float32Array | undefined, y: Float32Array | undefined): number =>
        Math.hypot(...Array.from(x ?? [], (value, i) => value - (y?.[i] ?? NaN)));
      const wrong = [...a].flatMap(([key, values]) => {
        if ((WITHOUT_GRADIENT[name] ?? KEY_BIAS).test(key)) return [];
        const [off, moved] = [distance(values, b.get(key)), distance(values, start.get(key))];
        return off <= 1e-3 * moved + 1e-7 ? [] : [`${key}: ${off} of ${moved}`];
      });
      expect(wrong).toEqual([]);
      for (const model of [eager, first, second]) model.dispose();
    },
  );
});
