// What holds for every class: names, seeds, dropout, optional outputs, input forms, padded batches, memory.
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { ConfigError } from '../../src/errors.js';
import type { ModelInputs } from '../../src/models/inputs/inputs.js';
import type { ModelOutputs } from '../../src/models/outputs.js';
import { VisualBertModel } from '../../src/models/visual-bert-model.js';
import { valueAndGradients } from '../../src/models/value-and-gradients.js';
import { VisualBertConfig } from '../../src/config/config.js';
import { useBackend } from '../helpers/backend.js';
import { expectNoLeak, toBeCloseToTensor } from '../helpers/tensors.js';
import {
  largestDifference,
  MODEL_NAMES,
  type ModelName,
  TINY,
  tinyInputs,
  tinyModel,
} from '../helpers/models/tiny-model.js';

beforeAll(async () => {
  await useBackend();
});

const disposeOutputs = (outputs: ModelOutputs): void => tf.dispose(Object.values(outputs));
const mainOutput = (outputs: ModelOutputs): tf.Tensor =>
  (outputs.logits ?? outputs.predictionLogits ?? outputs.lastHiddenState) as tf.Tensor;

describe.each(MODEL_NAMES)('%s', (name) => {
  test('runs, differentiates and is disposed without leaving a tensor', async () => {
    const before = tf.memory().numTensors;
    const model = tinyModel(name);
    const inputs = tinyInputs(name);
    await expectNoLeak(() => Object.values(model.forward(inputs, { training: true, seed: 0 })) as tf.Tensor[]);
    if (inputs.labels !== undefined) {
      await expectNoLeak(async () => [
        ...(await valueAndGradients(model, inputs, { training: true })).gradients.values(),
      ]);
    }
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('has the same weights for the same seed, and others for another', async () => {
    const models = [tinyModel(name), tinyModel(name, {}, { seed: 0 }), tinyModel(name, {}, { seed: 1 })];
    const [first, same, other] = models.map((model) => model.getInputEmbeddings());
    await toBeCloseToTensor(same as tf.Tensor, first as tf.Tensor, 0);
    expect(await largestDifference(other as tf.Tensor, first as tf.Tensor)).toBeGreaterThan(0.1);
    models.forEach((model) => model.dispose());
  });

  test('draws dropout from the seed, differently at each call without one, and not at all outside training', async () => {
    const model = tinyModel(name);
    const inputs = tinyInputs(name);
    const run = async (options?: object): Promise<string> => {
      const outputs = model.forward(inputs, options);
      const text = String(await mainOutput(outputs).data());
      disposeOutputs(outputs);
      return text;
    };
    const training = true;
    expect(await run({ training, seed: 3 })).toBe(await run({ training, seed: 3 }));
    const texts = [
      await run(),
      await run({ training, seed: 0 }),
      await run({ training, seed: 3 }),
      await run({ training }),
      await run({ training }),
    ];
    expect(new Set(texts).size).toBe(5);
    expect(await run({ seed: 3 })).toBe(texts[0]);
    model.dispose();
  });

  test('returns hidden states and attentions on request, and as an array in the order of transformers', async () => {
    const model = tinyModel(name, { outputHiddenStates: true, outputAttentions: true });
    const inputs = tinyInputs(name);
    const all = model.forward(inputs);
    expect([all.hiddenStates?.length, all.attentions?.length]).toEqual([3, 2]);
    const tuple = model.forward({ ...inputs, returnDict: false });
    expect(tuple.at(-1)).toHaveLength(2);
    expect(tuple.at(-2)).toHaveLength(3);
    const expected = Object.values(model.forward({ ...inputs, outputHiddenStates: false, outputAttentions: false }));
    expect(tuple.slice(0, -2).map((x) => (x as tf.Tensor).shape)).toEqual(expected.map((x) => (x as tf.Tensor).shape));
    if (inputs.labels !== undefined) expect((tuple[0] as tf.Tensor).shape).toEqual([]);
    const without = model.forward({
      ...inputs,
      labels: undefined,
      returnDict: false,
      outputAttentions: false,
      outputHiddenStates: false,
    });
    expect(without.length).toBe(inputs.labels === undefined ? 2 : expected.length - 1);
    tf.dispose([tuple, expected, without] as tf.TensorContainer);
    disposeOutputs(all);
    model.dispose();
  });

  test('names parameters without repetition, and lists tied ones under both names in the state dict', async () => {
    const model = tinyModel(name);
    const names = [...model.namedParameters().keys()];
    expect(new Set(names).size).toBe(names.length);
    const state = await model.stateDict();
    expect([...state.keys()]).toEqual([...names, ...model.tiedWeights.keys()]);
    for (const [second, target] of model.tiedWeights) expect(state.get(second)).toBe(state.get(target));
    const total = names.reduce((sum, key) => sum + (state.get(key)?.data.length ?? 0), 0);
    expect(model.numParameters()).toBe(total);
    const tables = [...state].filter(([key]) => key.endsWith('embeddings.weight'));
    expect(model.numParameters({ excludeEmbeddings: true })).toBe(
      total - tables.reduce((sum, [, { data }]) => sum + data.length, 0),
    );
    model.dispose();
  });
});

describe('forward', () => {
  test('takes tensors, raw tensors, lists and int64 alike, and disposes none of them', async () => {
    const model = tinyModel('VisualBertModel');
    const ids = [3, 8, 12, 29, 4];
    const forms: ModelInputs['inputIds'][] = [
      [ids],
      tf.tensor2d([ids], [1, 5], 'int32'),
      { dtype: 'int32', shape: [1, 5], data: Int32Array.from(ids) },
      { shape: [1, 5], data: BigInt64Array.from(ids, BigInt) },
    ];
    const outputs = forms.map((inputIds) => model.forward({ inputIds }));
    for (const other of outputs.slice(1))
      await toBeCloseToTensor(mainOutput(other), mainOutput(outputs[0] as ModelOutputs), 0);
    expect((forms[1] as tf.Tensor).isDisposed).toBe(false);
    outputs.forEach(disposeOutputs);
    (forms[1] as tf.Tensor).dispose();
    model.dispose();
  });

  test('runs two models with shared names side by side', async () => {
    const [first, second] = [tinyModel('VisualBertModel'), tinyModel('VisualBertModel', {}, { seed: 1 })];
    const inputs = tinyInputs('VisualBertModel');
    const [before, other] = [first.forward(inputs), second.forward(inputs)];
    expect(await largestDifference(mainOutput(before), mainOutput(other))).toBeGreaterThan(0.01);
    second.dispose();
    const after = first.forward(inputs);
    await toBeCloseToTensor(mainOutput(after), mainOutput(before), 0);
    [before, other, after].forEach(disposeOutputs);
    first.dispose();
  });

  test('starts with the statistics of transformers, visual tables copied from the text ones when asked', async () => {
    const sizes = { ...TINY, vocabSize: 400, hiddenSize: 48, initializerRange: 0.02 };
    for (const specialVisualInitialize of [true, false]) {
      const model = new VisualBertModel(new VisualBertConfig({ ...sizes, specialVisualInitialize }));
      const state = await model.stateDict();
      const words = state.get('embeddings.word_embeddings.weight')?.data as Float32Array;
      expect([...words.subarray(48, 96)]).toEqual(Array(48).fill(0)); // padTokenId 1
      const deviation = Math.sqrt(words.reduce((sum, x) => sum + x * x, 0) / (399 * 48));
      expect(Math.abs(deviation - 0.02)).toBeLessThan(4 * (0.02 / Math.sqrt(2 * 399 * 48))); // 4 standard errors
      expect(new Set(state.get('embeddings.LayerNorm.weight')?.data)).toEqual(new Set([1]));
      expect(new Set(state.get('encoder.layer.0.output.dense.bias')?.data)).toEqual(new Set([0]));
      const table = (key: string): string => String(state.get(`embeddings.${key}.weight`)?.data);
      expect(table('visual_position_embeddings') === table('position_embeddings')).toBe(specialVisualInitialize);
      expect(table('visual_token_type_embeddings') === table('token_type_embeddings')).toBe(specialVisualInitialize);
      model.dispose();
    }
  });

  test('takes an activation as a function, which cannot be saved', async () => {
    const named = tinyModel('VisualBertModel', { hiddenAct: 'tanh' });
    const given = tinyModel('VisualBertModel', { hiddenAct: (x) => tf.tanh(x) });
    const [a, b] = [named, given].map((model) => model.forward(tinyInputs('VisualBertModel')));
    await toBeCloseToTensor(mainOutput(b as ModelOutputs), mainOutput(a as ModelOutputs), 0);
    expect(() => given.config.toJSON()).toThrow(ConfigError);
    [a, b].forEach((outputs) => disposeOutputs(outputs as ModelOutputs));
    named.dispose();
    given.dispose();
  });
});

test.each<[ModelName, number[], number[]]>([
  ['VisualBertForQuestionAnswering', [1], [2]],
  ['VisualBertForMultipleChoice', [1, 1], [2, 3]],
  ['VisualBertForMultipleChoice', [1, 3], [2, 3]],
  ['VisualBertForMultipleChoice', [2, 1], [2, 3]],
])('%s repeats position ids of leading sizes %j', async (name, given, whole) => {
  const model = tinyModel(name);
  const positionIds = tf.reverse(tf.range(1, 1 + 5 * given.reduce((a, b) => a * b), 1, 'int32')).reshape([...given, 5]);
  const below = tf.mod(positionIds, tf.scalar(12, 'int32')) as tf.Tensor;
  const [narrow, wide] = [below, tf.broadcastTo(below, [...whole, 5])].map((ids) =>
    model.forward({ ...tinyInputs(name), positionIds: ids }),
  ) as [ModelOutputs, ModelOutputs];
  await toBeCloseToTensor(mainOutput(narrow), mainOutput(wide), 0);
  disposeOutputs(narrow);
  disposeOutputs(wide);
  model.dispose();
});

describe('a padded batch', () => {
  test.each([
    [
      'VisualBertForQuestionAnswering',
      { labels: [[0, 0.3, 0, 1, 0, 0, 0], [0.6, 0, 0, 0, 0, 0, 0.3], Array(7).fill(0)] },
    ],
    ['VisualBertForVisualReasoning', { labels: [2, 6, -100] }],
  ] as [ModelName, { labels: number[] | number[][] }][])(
    'of %s has the loss and gradients of its real examples',
    async (name, padding) => {
      const model = tinyModel(name);
      const inputs = tinyInputs(name);
      const rows = (values: unknown): unknown[] => [...(values as unknown[]), (values as unknown[])[0]];
      const features = inputs.visualEmbeds as { shape: number[]; data: Float32Array };
      const padded: ModelInputs = {
        inputIds: rows(inputs.inputIds) as number[][],
        attentionMask: [...(inputs.attentionMask as number[][]), [0, 0, 0, 0, 0]],
        visualAttentionMask: [...(inputs.visualAttentionMask as number[][]), [0, 0, 0, 0, 0, 0]],
        visualEmbeds: {
          dtype: 'float32',
          shape: [3, 6, 8],
          data: Float32Array.of(...features.data, ...Array<number>(48).fill(0)),
        },
        labels: padding.labels,
        exampleCount: tf.scalar(2),
      };
      const [a, b] = [await valueAndGradients(model, inputs), await gradientsUnchecked(model, padded)];
      expect(Math.abs(a.loss - b.loss)).toBeLessThan(1e-6);
      for (const [key, gradient] of a.gradients)
        await toBeCloseToTensor(b.gradients.get(key) as tf.Tensor, gradient, 1e-6);
      tf.dispose([[...a.gradients.values()], [...b.gradients.values()], padded.exampleCount as tf.Tensor]);
      model.dispose();
    },
  );
});

/** As valueAndGradients, for batches with rows that mask everything: only `compute` takes those. */
async function gradientsUnchecked(
  model: ReturnType<typeof tinyModel>,
  { attentionMask, ...inputs }: ModelInputs,
): Promise<{ loss: number; gradients: Map<string, tf.Tensor> }> {
  const named = [...model.namedParameters()];
  const { value, grads } = tf.tidy(() => {
    const tensors = { ...model.prepare(inputs), attentionMask: tf.tensor2d(attentionMask as number[][]) };
    const run = (): tf.Scalar => model.compute(tensors, { training: false, dropoutKey: null }).loss as tf.Scalar;
    return tf.variableGrads(run, named.map(([, variable]) => variable)); // prettier-ignore
  });
  const [loss = NaN] = await value.data();
  value.dispose();
  const found = named.flatMap(([name, { name: key }]): [string, tf.Tensor][] =>
    grads[key] ? [[name, grads[key]]] : [],
  );
  return { loss, gradients: new Map(found) };
}

test.each([
  [
    'places without a label',
    [
      [1, 3, 0],
      [2, 0, 0],
    ],
    [
      [8, 2, -100],
      [5, -100, -100],
    ],
  ],
  [
    'places that are not used, whatever their label',
    [
      [1, 3, -100],
      [-100, 2, -100],
    ],
    [
      [8, 2, 4],
      [7, 5, -100],
    ],
  ],
])('maskedPositions give the loss and gradients of the full scores: %s', async (_, maskedPositions, labels) => {
  const model = tinyModel('VisualBertForPreTraining');
  const full = tinyInputs('VisualBertForPreTraining');
  const some = { ...full, maskedPositions, labels };
  const [a, b] = [await valueAndGradients(model, full), await valueAndGradients(model, some)];
  expect(Math.abs(a.loss - b.loss)).toBeLessThan(1e-6);
  for (const [key, gradient] of a.gradients) await toBeCloseToTensor(b.gradients.get(key) as tf.Tensor, gradient, 2e-6);
  const outputs = model.forward(some);
  expect(outputs.predictionLogits?.shape).toEqual([2, 3, 30]);
  tf.dispose([[...a.gradients.values()], [...b.gradients.values()]]);
  disposeOutputs(outputs);
  model.dispose();
});

test.each<[ModelName, ModelInputs]>([
  ['VisualBertForQuestionAnswering', {}],
  ['VisualBertForVisualReasoning', {}],
  ['VisualBertForPreTraining', { maskedPositions: [[1, 3], [2, 0]], labels: [[8, 2], [5, -100]] }], // prettier-ignore
])('%s: a head mask with factors for every query masks as it does when attentions are shown', async (name, more) => {
  const model = tinyModel(name);
  const headMask = tf.randomUniform([2, 2, 4, 11, 11], 0, 1, 'float32', 5);
  const inputs = { ...tinyInputs(name), ...more, headMask };
  const [bare, shown] = [model.forward(inputs), model.forward({ ...inputs, outputAttentions: true })];
  expect(await largestDifference(mainOutput(bare), mainOutput(shown))).toBeLessThan(1e-5);
  tf.dispose(headMask);
  [bare, shown].forEach(disposeOutputs);
  model.dispose();
});

test.each<[ModelName, ModelInputs]>([
  ['VisualBertForPreTraining', { labels: [[-100, 8, -100, 2, -100], [-100, -100, 5, -100, -100]] }], // prettier-ignore
  ['VisualBertForQuestionAnswering', {}],
  ['VisualBertForVisualReasoning', {}],
])('%s: no regions at all train as text alone does', async (name, more) => {
  const model = tinyModel(name, { bypassTransformer: true });
  const text = { ...tinyInputs(name), ...more, visualEmbeds: undefined, visualAttentionMask: undefined };
  const none = { visualEmbeds: tf.zeros([2, 0, 8]), visualAttentionMask: tf.zeros([2, 0]) };
  const [a, b] = [await valueAndGradients(model, text), await valueAndGradients(model, { ...text, ...none })];
  expect(b.loss).toBeCloseTo(a.loss, 6);
  expect([...b.gradients.keys()]).toEqual([...a.gradients.keys()]);
  for (const [key, gradient] of a.gradients) await toBeCloseToTensor(b.gradients.get(key) as tf.Tensor, gradient, 1e-6);
  tf.dispose([none.visualEmbeds, none.visualAttentionMask, ...a.gradients.values(), ...b.gradients.values()]);
  model.dispose();
});

test('a fraction in the mask of the regions masks a region for every phrase, as in transformers', async () => {
  const model = tinyModel('VisualBertForRegionToPhraseAlignment');
  const mask = [[1, 0.5, 1, 1, 0, 1], [1, 1, 1, 1, 1, 1]]; // prettier-ignore
  const inputs = {
    ...tinyInputs('VisualBertForRegionToPhraseAlignment'),
    visualAttentionMask: mask,
    labels: undefined,
  };
  const outputs = model.forward(inputs);
  const logits = (await mainOutput(outputs).array()) as number[][][];
  for (const row of logits[0] ?? []) {
    expect(row[1]).toBe(Math.fround(-3.4028234663852886e38 / 2));
    expect(row[4]).toBe(-3.4028234663852886e38);
    expect(Math.abs(row[0] ?? NaN)).toBeLessThan(100);
  }
  disposeOutputs(outputs);
  model.dispose();
});

test('factors of a head mask and fractions of a mask keep their value as nested lists', async () => {
  const model = tinyModel('VisualBertForVisualReasoning');
  const [headMask, visualAttentionMask] = [[1, 0.5, 0, 0.25], [[1, 0.5, 0, 1, 1, 1], [1, 1, 1, 1, 0.1, 1]]]; // prettier-ignore
  const inputs = tinyInputs('VisualBertForVisualReasoning');
  const tensors = { headMask: tf.tensor1d(headMask), visualAttentionMask: tf.tensor2d(visualAttentionMask) };
  const [a, b] = [
    model.forward({ ...inputs, headMask, visualAttentionMask }),
    model.forward({ ...inputs, ...tensors }),
  ];
  expect(await largestDifference(mainOutput(a), mainOutput(b))).toBe(0);
  tf.dispose(tensors);
  [a, b].forEach(disposeOutputs);
  model.dispose();
});
