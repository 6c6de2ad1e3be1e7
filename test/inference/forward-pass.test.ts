// The forward pass of a model on arrays against its own `forward`.
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { listOf, toOutputs } from '../../src/inference/arrays.js';
import { createEagerForwardPass } from '../../src/inference/forward-pass.js';
import { tinyInputs, tinyModel } from '../helpers/models/tiny-model.js';

const NAME = 'VisualBertForQuestionAnswering';
/** Both run the same kernels in the same order. */
const EXACT = 0;

beforeAll(() => tf.setBackend('cpu'));

test('returns hidden states and attentions where the inputs ask for them, as lists under flat names', async () => {
  const model = tinyModel(NAME);
  const pass = createEagerForwardPass(model);
  const inputs = tinyInputs(NAME);
  const whole = { ...inputs, outputAttentions: true, outputHiddenStates: true };
  const [plain, all] = [await pass.outputs(inputs), await pass.outputs(whole)];
  expect(Object.keys(plain).sort()).toEqual(['logits', 'loss']);
  expect([listOf(all, 'attentions').length, listOf(all, 'hiddenStates').length]).toEqual([2, 3]);
  expect(listOf(plain, 'attentions')).toEqual([]);

  const [restored, expected] = [toOutputs(all), model.forward(whole)];
  expect(Object.keys(restored).sort()).toEqual(Object.keys(expected).sort());
  for (const name of ['attentions', 'hiddenStates'] as const) {
    for (const [layer, tensor] of (expected[name] as tf.Tensor[]).entries()) {
      const received = (restored[name] as readonly tf.Tensor[])[layer] as tf.Tensor;
      expect(received.shape).toEqual(tensor.shape);
      expect(tf.max(tf.abs(tf.sub(received, tensor))).dataSync()[0]).toBe(EXACT);
    }
  }
  tf.dispose([restored, expected] as tf.TensorContainer);
  await pass.dispose();
  model.dispose();
});
