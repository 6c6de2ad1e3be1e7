// The compiled step against PyTorch: three AdamW steps of every class that has a loss, from the same fixtures as the eager step.
import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from '@jest/globals';
import { createTrainingStep } from '../../../src/training/step/compiled-step.js';
import { useBackend } from '../../helpers/backend.js';
import { modelOf } from '../../helpers/fixture-model.js';
import { fixtureNames, readFixture } from '../../helpers/fixtures.js';
import { judgeTraining } from '../../helpers/parity.js';
import { trainAsFixture } from '../../helpers/parity-values.js';

const choice = await useBackend();
const hasEngine = choice.backend === 'tensorflow';
if (!hasEngine) process.stdout.write(`skipped: ${choice.reason}\n`);
const trained = fixtureNames().filter((name) => readFixture(name).meta.options.training !== undefined);

(hasEngine ? describe : describe.skip)('the compiled step', () => {
  test.each(trained)('has the parameters of PyTorch after three steps: %s', async (name) => {
    const before = tf.memory().numTensors;
    const fixture = readFixture(name);
    const model = modelOf(fixture);
    const trained = await trainAsFixture(model, fixture, (options) => createTrainingStep(model, options));
    const { worst, tolerance } = judgeTraining(fixture, trained);
    expect([worst.worst, worst.error <= tolerance ? 'within' : worst.error]).toEqual([worst.worst, 'within']);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
