// What forward says about inputs that do not fit: who, expected, received, what to do.
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ConfigError, ShapeError } from '../../src/errors.js';
import type { ModelInputs } from '../../src/models/inputs/inputs.js';
import type { VisualBertPreTrainedModel } from '../../src/models/pretrained-model.js';
import { valueAndGradients } from '../../src/models/value-and-gradients.js';
import type { ReadTensor } from '../../src/raw-tensor.js';
import { useBackend } from '../helpers/backend.js';
import { tinyInputs, tinyModel, type ModelName } from '../helpers/models/tiny-model.js';

const models = new Map<ModelName, VisualBertPreTrainedModel>();
const modelOf = (name: ModelName): VisualBertPreTrainedModel => {
  const model = models.get(name) ?? tinyModel(name);
  models.set(name, model);
  return model;
};

beforeAll(async () => {
  await useBackend();
});
afterAll(() => models.forEach((model) => model.dispose()));

const QA = 'VisualBertForQuestionAnswering';
const CHOICE = 'VisualBertForMultipleChoice';
const PHRASE = 'VisualBertForRegionToPhraseAlignment';
const PRE = 'VisualBertForPreTraining';
const REASON = 'VisualBertForVisualReasoning';

const noExamples = (): ModelInputs => ({
  inputIds: tf.zeros([0, 5], 'int32'),
  attentionMask: tf.zeros([0, 5], 'int32'),
  visualEmbeds: tf.zeros([0, 6, 8]),
  visualAttentionMask: tf.zeros([0, 6], 'int32'),
  labels: tf.zeros([0], 'int32'),
});

describe('forward', () => {
  test.each<[string, ModelName, () => ModelInputs, RegExp]>([
    [
      'region features of another width',
      QA,
      () => ({ visualEmbeds: tf.zeros([2, 6, 5]) }),
      /^VisualBertForQuestionAnswering: expected visualEmbeds \[2, 6, 8\].*received \[2, 6, 5\]; set visualEmbeddingDim/,
    ],
    [
      'a missing axis',
      QA,
      () => ({ visualEmbeds: tf.zeros([6, 8]) }),
      /expected visualEmbeds \[2, \w, 8\].*received \[6, 8\]/,
    ],
    [
      'a mask of another length',
      QA,
      () => ({
        attentionMask: [
          [1, 1],
          [1, 1],
        ],
      }),
      /expected attentionMask \[2, 5\].*received \[2, 2\]/,
    ],
    [
      'a region mask of another length',
      QA,
      () => ({ visualAttentionMask: tf.ones([2, 5]) }),
      /expected visualAttentionMask \[2, 6\].*received \[2, 5\]/,
    ],
    [
      'a token id beyond the vocabulary',
      QA,
      () => ({
        inputIds: [
          [0, 1, 2, 3, 30],
          [0, 1, 2, 3, 4],
        ],
      }),
      /inputIds: expected values from 0 to 29, received 30/,
    ],
    [
      'a negative token id in a tensor',
      QA,
      () => ({
        inputIds: tf.tensor2d(
          [
            [0, 1, -2, 3, 3],
            [0, 1, 2, 3, 4],
          ],
          [2, 5],
          'int32',
        ),
      }),
      /inputIds: expected values from 0 to 29, received -2/,
    ],
    [
      'ids of dtype float32',
      QA,
      () => ({ inputIds: tf.zeros([2, 5]) }),
      /inputIds: expected int32, received float32; convert it with tf.cast/,
    ],
    [
      'features of dtype int32',
      QA,
      () => ({ visualEmbeds: tf.zeros([2, 6, 8], 'int32') }),
      /visualEmbeds: expected float32, received int32/,
    ],
    [
      'an int64 beyond int32',
      QA,
      () => ({ inputIds: { shape: [2, 5], data: BigInt64Array.from({ length: 10 }, () => 2n ** 40n) } }),
      /1099511627776 does not fit into int32/,
    ],
    [
      'a type id out of range',
      QA,
      () => ({ tokenTypeIds: tf.fill([2, 5], 2, 'int32') }),
      /tokenTypeIds: expected values from 0 to 1, received 2/,
    ],
    [
      'a position out of range',
      QA,
      () => ({ positionIds: tf.fill([2, 5], 12, 'int32') }),
      /positionIds: expected values from 0 to 11, received 12/,
    ],
    [
      'labels for another number of answers',
      QA,
      () => ({ labels: tf.zeros([2, 3]) }),
      /expected labels \[2, 7\], received \[2, 3\]; set numLabels/,
    ],
    [
      'a row of one token',
      QA,
      () => ({
        attentionMask: [
          [1, 0, 0, 0, 0],
          [1, 1, 1, 1, 1],
        ],
      }),
      /at least two attended tokens.*received 1 in row 0/,
    ],
    [
      'an unknown input',
      QA,
      () => ({ imageEmbeds: tf.zeros([1]) }) as ModelInputs,
      /unknown input imageEmbeds; its inputs are inputIds/,
    ],
    [
      'ids and embeddings at once',
      QA,
      () => ({ inputsEmbeds: tf.zeros([2, 5, 12]) }),
      /expected inputIds or inputsEmbeds, received both/,
    ],
    [
      'an alignment with too few rows',
      QA,
      () => ({ imageTextAlignment: tf.zeros([2, 4, 2], 'int32') }),
      /a row for each of the 6 regions, received 4; pad it with -1/,
    ],
    [
      'a head mask of another shape',
      QA,
      () => ({ headMask: tf.ones([3]) }),
      /expected headMask \[4\], \[2, 4\] or \[2, b, 4, s, s\], received \[3\]/,
    ],
    [
      'a class out of range',
      REASON,
      () => ({ labels: [0, 7] }),
      /labels: expected values from 0 to 6 \(-100 for none\), received 7/,
    ],
    [
      'the label -1 of a class, which no loss leaves out',
      REASON,
      () => ({ labels: [0, -1] }),
      /labels: expected values from 0 to 6 \(-100 for none\), received -1/,
    ],
    [
      'the label -1 of a word, which the authors left out',
      PRE,
      () => ({ labels: [[-1], [-100]], maskedPositions: [[1], [2]] }),
      /labels: expected values from 0 to 29 \(-100 for none\), received -1/,
    ],
    ['a batch of no examples', REASON, () => noExamples(), /at least one example, received an empty batch/],
    ['labels of another length', REASON, () => ({ labels: [0, 1, 2] }), /expected labels \[2\], received \[3\]/],
    [
      'word labels for the text alone',
      PRE,
      () => ({ labels: tf.zeros([2, 5], 'int32') }),
      /expected labels \[2, 11\], received \[2, 5\]; give one label per token and region/,
    ],
    [
      'labels that do not follow the masked positions',
      PRE,
      () => ({ labels: tf.zeros([2, 11], 'int32'), maskedPositions: [[1], [2]] }),
      /expected labels \[2, 1\], received \[2, 11\]/,
    ],
    [
      'a masked position beyond the sequence',
      PRE,
      () => ({ labels: [[8], [5]], maskedPositions: [[11], [2]] }),
      /expected maskedPositions below 11, received 11/,
    ],
    [
      'a masked position before the sequence',
      PRE,
      () => ({ labels: [[8], [5]], maskedPositions: [[-1], [2]] }),
      /maskedPositions: expected values of at least 0 \(-100 for none\), received -1/,
    ],
    [
      'inputs without choices',
      CHOICE,
      () => ({ inputIds: tf.zeros([2, 5], 'int32') }),
      /expected inputIds \[b, choices, t\].*received \[2, 5\]/,
    ],
    [
      'a choice that is not there',
      CHOICE,
      () => ({ labels: [0, 3] }),
      /expected labels \[2\] below 3, received \[2\] up to 3/,
    ],
    [
      'no phrases',
      PHRASE,
      () => ({ regionToPhrasePosition: undefined }),
      /expected regionToPhrasePosition \[b, p\], received none/,
    ],
    [
      'positions of no phrase',
      PHRASE,
      () => ({ regionToPhrasePosition: tf.zeros([2, 0], 'int32'), labels: tf.zeros([2, 0, 6]) }),
      /at least one phrase and one region, received regionToPhrasePosition \[2, 0\]/,
    ],
    [
      'phrases of no region',
      PHRASE,
      () => ({ visualEmbeds: tf.zeros([2, 0, 8]), visualAttentionMask: tf.zeros([2, 0]), labels: tf.zeros([2, 3, 0]) }),
      /at least one phrase and one region, .* and visualEmbeds \[2, 0, 8\]/,
    ],
    [
      'phrase positions of dtype float32',
      PHRASE,
      () => ({ regionToPhrasePosition: tf.ones([2, 3]) }),
      /regionToPhrasePosition: expected int32, received float32/,
    ],
    [
      'a phrase beyond the sequence',
      PHRASE,
      () => ({
        regionToPhrasePosition: [
          [1, 2, 11],
          [0, 0, 0],
        ],
      }),
      /regionToPhrasePosition below 11, received 11/,
    ],
  ])('refuses %s', (_, name, wrong, message) => {
    const [model, inputs] = [modelOf(name), { ...tinyInputs(name), ...wrong() }];
    const run = (): unknown => model.forward(inputs);
    const before = tf.memory().numTensors;
    expect(run).toThrow(message);
    expect(run).toThrow(ShapeError);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('refuses a text longer than the position table, unless positions are given', () => {
    const [model, inputIds] = [modelOf('VisualBertModel'), tf.zeros([1, 13], 'int32')];
    expect(() => model.forward({ inputIds })).toThrow(/at most 12 text tokens, received 13; truncate/);
    const out = model.forward({ inputIds, positionIds: tf.zeros([1, 13], 'int32') });
    expect(out.lastHiddenState?.shape).toEqual([1, 13, 12]);
  });

  test('names the step while a training step holds the parameters, and reads through it', async () => {
    const model = tinyModel('VisualBertModel');
    const [name, parameter] = [...model.namedParameters()][0] as [string, tf.Variable];
    const { shape } = parameter;
    const data = new Float32Array(parameter.size).fill(7);
    const holder = {
      lendParameters: async <T>(use: (read: ReadTensor) => Promise<T>): Promise<T> =>
        use(async () => ({ dtype: 'float32', shape, data })),
    };
    model.holdParameters(holder);
    expect(() => model.forward({ inputIds: [[1]] })).toThrow(/step\.evaluate\(inputs\), or step\.dispose\(\)/);
    expect(() => model.forward({ inputIds: [[1]] })).toThrow(ConfigError);
    expect(() => model.holdParameters(holder)).toThrow(ConfigError);
    expect((await model.stateDict()).get(name)).toEqual({ dtype: 'float32', shape, data });
    model.holdParameters(null);
    expect(model.forward({ inputIds: [[1]] }).lastHiddenState?.shape).toEqual([1, 1, 12]);
    model.dispose();
  });
});

test('valueAndGradients asks for labels when the inputs make no loss', async () => {
  const inputs = { ...tinyInputs(QA), labels: undefined };
  await expect(valueAndGradients(modelOf(QA), inputs)).rejects.toThrow(/expected labels in the inputs, received none/);
});
