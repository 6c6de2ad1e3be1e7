// Resizing vocabularies, pruning and masking heads against transformers: 5.23 for the first, 4.46.3, the last that knows the others, for those.
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { ModelInputs } from '../../src/models/inputs/inputs.js';
import type { VisualBertPreTrainedModel } from '../../src/models/pretrained-model.js';
import type { RawTensor } from '../../src/raw-tensor.js';
import { useBackend } from '../helpers/backend.js';
import { modelOf } from '../helpers/parity/fixture-model.js';
import { section, type Fixture } from '../helpers/parity/fixture.js';
import { fixtureNames, readFixture } from '../helpers/parity/fixtures.js';
import { difference, largest } from '../helpers/parity/parity.js';

/** |a - b| <= this * max(1, max|b|), up to four layers. */
const TOLERANCE = 1e-5;
/** New rows: their mean is exact, their noise (3e-5 of the old rows' spread, about 0.4) is another draw: ten deviations on both sides. */
const NOISE = 3e-4;

const [PRUNED, RESIZED, MASKED] = ['prune', 'resize', 'head-mask'].map((start) =>
  fixtureNames('surgery').filter((name) => name.startsWith(start)),
) as [string[], string[], string[]];

beforeAll(async () => {
  await useBackend();
});

async function outputsOf(model: VisualBertPreTrainedModel, fixture: Fixture): Promise<Map<string, ArrayLike<number>>> {
  const inputs = Object.fromEntries(section(fixture, 'inputs')) as ModelInputs;
  const isShown = (name: string): boolean => fixture.tensors.has(`outputs/${name}.0`);
  const outputs = model.forward({
    ...inputs,
    outputAttentions: isShown('attentions'),
    outputHiddenStates: isShown('hiddenStates'),
  }) as unknown as Record<string, tf.Tensor | tf.Tensor[]>;
  const found = new Map<string, ArrayLike<number>>();
  for (const [name, value] of Object.entries(outputs)) {
    for (const [i, tensor] of [value].flat().entries()) {
      found.set(Array.isArray(value) ? `${name}.${i}` : name, await tensor.data());
    }
  }
  tf.dispose(Object.values(outputs).flat());
  return found;
}

function expectClose(actual: ArrayLike<number>, { data }: RawTensor, name: string, tolerance = TOLERANCE): void {
  expect([name, actual.length]).toEqual([name, data.length]);
  expect([name, largest(difference(actual, data)) <= tolerance * Math.max(1, largest(data))]).toEqual([name, true]);
}

describe('pruneHeads gives the weights and outputs of transformers', () => {
  test.each(PRUNED)('%s', async (name) => {
    const fixture = readFixture(name, 'surgery');
    const model = modelOf(fixture);
    const { pruneHeads } = fixture.meta.options as unknown as { pruneHeads: Record<number, number[]>[] };
    for (const heads of pruneHeads) model.pruneHeads(heads);
    const after = section(fixture, 'after');
    const state = await model.stateDict();
    expect([...state.keys()].sort()).toEqual([...after.keys()].sort());
    for (const [key, expected] of after) {
      expect([key, state.get(key)?.shape]).toEqual([key, expected.shape]);
      expectClose(state.get(key)?.data ?? [], expected, key, 0);
    }
    const outputs = await outputsOf(model, fixture);
    const expected = section(fixture, 'outputs');
    expect(new Set(outputs.keys())).toEqual(new Set(expected.keys()));
    for (const [key, value] of expected) expectClose(outputs.get(key) ?? [], value, key);
    model.dispose();
  });
});

describe('headMask gives the outputs and attentions of transformers, in every shape', () => {
  test.each(MASKED)('%s', async (name) => {
    const fixture = readFixture(name, 'surgery');
    const model = modelOf(fixture);
    const outputs = await outputsOf(model, fixture);
    for (const [key, value] of section(fixture, 'outputs')) expectClose(outputs.get(key) ?? [], value, key);
    expect(outputs.size).toBe(7);
    model.dispose();
  });
});

describe('resizeTokenEmbeddings gives the weights and outputs of transformers', () => {
  test.each(RESIZED)('%s', async (name) => {
    const fixture = readFixture(name, 'surgery');
    const model = modelOf(fixture);
    const { count, ...options } = (fixture.meta.options as unknown as { resize: { count: number } }).resize;
    model.resizeTokenEmbeddings(count, options);
    const isDrawn = 'meanResizing' in options;
    const isUntied = fixture.meta.config['tie_word_embeddings'] === false;
    const after = section(fixture, 'after');
    for (const [key, variable] of model.namedParameters()) {
      // transformers joins the two biases of an untied decoder here, of which one takes no part in anything
      if (isUntied && key === 'cls.predictions.bias') continue;
      const expected = after.get(key === 'cls.predictions.decoder.bias' ? 'cls.predictions.bias' : key) as RawTensor;
      expect([key, variable.shape]).toEqual([key, expected.shape]);
      const [kept, values] = [section(fixture, 'weights').get(key)?.data.length ?? 0, await variable.data()];
      const isTable = expected.shape.length === 2;
      const old = { ...expected, data: expected.data.slice(0, kept) } as RawTensor;
      expectClose(values.slice(0, kept), old, `${key}, rows that were there`, 0);
      if (!isDrawn || !isTable) expectClose(values, expected, key, NOISE);
    }
    if (!isDrawn) {
      const outputs = await outputsOf(model, fixture);
      for (const [key, value] of section(fixture, 'outputs')) {
        expectClose(outputs.get(key) ?? [], value, key, /predictionLogits/.test(key) ? 10 * NOISE : TOLERANCE);
      }
    }
    model.dispose();
  });
});
