// Every class on the WebAssembly and the plain JavaScript backend: outputs and gradients within 1e-4 of PyTorch's, as the native engine.
import * as tf from '@tensorflow/tfjs';
import { afterAll, describe, expect, test } from '@jest/globals';
import { selectBackend } from '../../src/engine/select-backend.js';
import { valueAndGradients } from '../../src/models/value-and-gradients.js';
import type { RawTensor } from '../../src/raw-tensor.js';
import { useBackend } from '../helpers/backend.js';
import { inputsOf, modelOf } from '../helpers/parity/fixture-model.js';
import { section } from '../helpers/parity/fixture.js';
import { readFixture } from '../helpers/parity/fixtures.js';
import { toBeCloseToTensor } from '../helpers/tensors.js';

const TOLERANCE = 1e-4;
const CASES = [
  'model-all-inputs',
  'qa-all-inputs',
  'visual-reasoning',
  'multiple-choice',
  'pretraining',
  'region-to-phrase',
];

const scaleOf = ({ data }: RawTensor): number => Array.from(data).reduce((max, x) => Math.max(max, Math.abs(x)), 1);

describe.each(['wasm', 'cpu'] as const)('on %s', (backend) => {
  afterAll(async () => {
    await useBackend();
  });

  test.each(CASES)('%s', async (name) => {
    await selectBackend({ backend });
    const fixture = readFixture(name);
    const model = modelOf(fixture);
    const outputs = model.forward(inputsOf(fixture)) as unknown as Record<string, tf.Tensor | tf.Tensor[]>;
    const expected = section(fixture, 'outputs');
    for (const [key, value] of Object.entries(outputs)) {
      for (const [i, tensor] of [value].flat().entries()) {
        const raw = expected.get(Array.isArray(value) ? `${key}.${i}` : key) as RawTensor;
        const target = tf.tensor(raw.data, tensor.shape, 'float32');
        await toBeCloseToTensor(tensor, target, TOLERANCE * scaleOf(raw));
        target.dispose();
      }
    }
    tf.dispose(outputs as tf.TensorContainer);
    if (outputs['loss'] !== undefined) {
      const { gradients } = await valueAndGradients(model, inputsOf(fixture));
      const targets = section(fixture, 'gradients');
      expect([...gradients.keys()].sort()).toEqual([...targets.keys()].sort());
      const largest = Math.max(...[...targets.values()].map(scaleOf));
      for (const [key, gradient] of gradients) {
        const target = tf.tensor((targets.get(key) as RawTensor).data, gradient.shape, 'float32');
        await toBeCloseToTensor(gradient, target, TOLERANCE * largest);
        target.dispose();
      }
      tf.dispose([...gradients.values()]);
    }
    model.dispose();
  });
});
