// Gradient checkpointing: the same gradients to the bit from far less memory; and no work for gradients that nobody asked for.
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { ModelInputs } from '../../src/models/inputs/inputs.js';
import type { VisualBertPreTrainedModel } from '../../src/models/pretrained-model.js';
import { valueAndGradients } from '../../src/models/value-and-gradients.js';
import { useBackend } from '../helpers/backend.js';
import { expectNoLeak } from '../helpers/tensors.js';
import { MODEL_NAMES, type ModelName, tinyInputs, tinyModel } from '../helpers/models/tiny-model.js';

const TASKS = MODEL_NAMES.filter((name) => name !== 'VisualBertModel');
const QA = 'VisualBertForQuestionAnswering';

beforeAll(async () => {
  await useBackend();
});

type Options = { gradientCheckpointing?: boolean; training?: boolean; seed?: number };

async function run(
  model: VisualBertPreTrainedModel,
  inputs: ModelInputs,
  options: Options,
): Promise<{ loss: number; gradients: Record<string, number[]> }> {
  const { loss, gradients } = await valueAndGradients(model, inputs, options);
  const values: Record<string, number[]> = {};
  for (const [name, gradient] of gradients) values[name] = Array.from(await gradient.data());
  tf.dispose([...gradients.values()]);
  return { loss, gradients: values };
}

async function expectSame(name: ModelName, model: VisualBertPreTrainedModel, inputs = tinyInputs(name)): Promise<void> {
  const options = { training: true, seed: 5 };
  const plain = await run(model, inputs, options);
  expect(await run(model, inputs, { ...options, gradientCheckpointing: true })).toEqual(plain);
  expect(Object.keys(plain.gradients).length).toBeGreaterThan(10);
}

describe('gradientCheckpointing', () => {
  test.each(TASKS)('changes no bit of loss and gradients of %s, dropout on', async (name) => {
    const model = tinyModel(name, { hiddenDropoutProb: 0.2, attentionProbsDropoutProb: 0.3 });
    await expectSame(name, model);
    model.dispose();
  });

  test('serves frozen parameters, the additional layer, pruned heads, head masks and asked-for hidden states', async () => {
    const model = tinyModel(QA, { bypassTransformer: true });
    await expectSame(QA, model);
    model.pruneHeads({ 0: [1] });
    model.freeze('visual_bert.embeddings.*');
    model.freeze('visual_bert.encoder.layer.1.output.*');
    const inputs = { ...tinyInputs(QA), headMask: [[1, 0.5, 1, 1], [0, 1, 1, 0.25]] }; // prettier-ignore
    await expectSame(QA, model, inputs);
    await expectSame(QA, model, { ...inputs, outputHiddenStates: true });
    await expectSame(QA, model, { ...inputs, outputAttentions: true });
    model.dispose();
  });

  test('keeps one tensor for each layer: the peak no longer grows by what is inside', async () => {
    const peakOf = async (layers: number, gradientCheckpointing: boolean): Promise<number> => {
      const model = tinyModel(QA, { numHiddenLayers: layers, intermediateSize: 48 });
      const before = tf.memory().numBytes;
      let peak = 0;
      const { kernels } = await tf.profile(async () => {
        await run(model, tinyInputs(QA), { training: true, gradientCheckpointing });
        return [];
      });
      for (const { totalBytesSnapshot } of kernels) peak = Math.max(peak, totalBytesSnapshot - before);
      const weights = [...model.namedParameters()].filter(([name]) => /layer\.0\./.test(name));
      const gradients = weights.reduce((sum, [, { size }]) => sum + 4 * size, 0);
      model.dispose();
      return peak - layers * gradients; // every gradient is there at the end, whatever was kept before
    };
    const growth = async (lean: boolean): Promise<number> => ((await peakOf(10, lean)) - (await peakOf(4, lean))) / 6;
    const [plain, lean] = [await growth(false), await growth(true)];
    const state = 2 * 11 * 12 * 4; // [b, s, h] float32
    expect(plain).toBeGreaterThan(20 * state);
    expect(lean).toBeLessThan(4 * state);
  });

  test('disposes its tensors', async () => {
    const model = tinyModel(QA);
    await expectNoLeak(async () => {
      const { gradients } = await valueAndGradients(model, tinyInputs(QA), {
        training: true,
        gradientCheckpointing: true,
      });
      return [...gradients.values()];
    });
    model.dispose();
  });
});

describe('gradients of frozen parts', () => {
  const products = async (model: VisualBertPreTrainedModel): Promise<number> => {
    const { kernels } = await tf.profile(async () => {
      await run(model, tinyInputs(QA), {});
      return [];
    });
    return kernels.filter(({ name }) => /MatMul/.test(name)).length;
  };

  test('are not computed, nor is anything below the lowest trained layer', async () => {
    const model = tinyModel(QA);
    // forward: projection; per layer query, key, value, 2 of attention, 3 dense; classifier (the pooler takes no part)
    const forward = 1 + 2 * 8 + 1;
    // each product has two gradients; the region features, an input, need none
    expect(await products(model)).toBe(forward + 2 * forward - 1);
    model.freeze('visual_bert.embeddings.*');
    model.freeze('visual_bert.encoder.layer.0.*');
    // nothing below layer 1, whose query, key and value have no use for the gradient of their input
    expect(await products(model)).toBe(forward + 2 * 9 - 3);
    model.freeze('visual_bert.*');
    expect(await products(model)).toBe(forward + 1);
    model.dispose();
  });
});
