// Every task model trains on WebAssembly, with the numbers of plain JavaScript.
import { afterAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { VisualBertConfig } from '../../src/config/config.js';
import { selectBackend } from '../../src/engine/select-backend.js';
import { createTrainingStep } from '../../src/training/step/eager-step.js';
import { TASK_MODEL_SIZES, TASK_MODELS } from '../helpers/models/task-models.js';

describe('training on WebAssembly', () => {
  afterAll(() => tf.setBackend('cpu'));

  test.each(TASK_MODELS)('gives the losses of plain JavaScript: %s', async (_, ModelClass, inputs) => {
    const losses: number[][] = [];
    for (const backend of ['cpu', 'wasm'] as const) {
      await selectBackend({ backend });
      const model = new ModelClass(new VisualBertConfig(TASK_MODEL_SIZES));
      const step = await createTrainingStep(model, { compile: false, learningRate: 1e-2, maxGradNorm: 1, seed: 4 });
      losses.push([(await step.run(inputs)).loss, (await step.run(inputs)).loss]);
      await step.dispose();
      model.dispose();
    }
    const [expected, received] = losses as [number[], number[]];
    received.forEach((loss, i) => expect(Math.abs(loss - (expected[i] as number))).toBeLessThan(1e-5));
    expect(expected[1]).not.toBeCloseTo(expected[0] as number, 4);
  });
});
