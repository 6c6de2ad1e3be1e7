// A step that is called with invalid inputs, or after disposal: errors of the package, after which the step still works.
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { createTrainingStep } from '../../../src/training/step/eager-step.js';
import type { InputValues } from '../../../src/inference/runnable-model.js';
import { ConfigError, ShapeError } from '../../../src/errors.js';
import { tinyInputs, tinyModel } from '../../helpers/models/tiny-model.js';

const NAME = 'VisualBertForQuestionAnswering';

beforeAll(() => tf.setBackend('cpu'));

test.each([null, undefined, 5])('inputs that are %s are a ShapeError for each way of running', async (none) => {
  const model = tinyModel(NAME);
  const step = await createTrainingStep(model, { learningRate: 1e-3, compile: false });
  const inputs = none as unknown as InputValues;
  for (const call of [step.run(inputs), step.evaluate(inputs), step.outputs(inputs)]) {
    await expect(call).rejects.toThrow(ShapeError);
    await expect(call).rejects.toThrow(`expected inputs by name, such as { inputIds, visualEmbeds }, received ${none}`);
  }
  expect(step.step).toBe(0);
  await step.run(tinyInputs(NAME));
  expect(step.step).toBe(1);
  await step.dispose();
  await expect(step.evaluate(inputs)).rejects.toThrow(ConfigError);
  model.dispose();
});
