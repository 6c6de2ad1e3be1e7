// Every layer through the battery of test/helpers/check-layer.ts; b=2, t=5, v=6, s=11, h=12, n=4, d=3, c=7.
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe } from '@jest/globals';
import { Classifier } from '../../src/layers/classifier.js';
import { Embeddings } from '../../src/layers/embeddings.js';
import { EncoderLayer } from '../../src/layers/encoder-layer.js';
import { MaskedLmHead } from '../../src/layers/masked-lm-head.js';
import { Pooler } from '../../src/layers/pooler.js';
import { RegionToPhraseAttention } from '../../src/layers/region-to-phrase-attention.js';
import { useBackend } from '../helpers/backend.js';
import { checkLayer } from '../helpers/check-layer.js';

beforeAll(async () => {
  await useBackend();
});

const initializerRange = 0.2;
const layerNormEps = 1e-12;
const wave = (shape: number[], step = 0.7): tf.Tensor =>
  tf.tidy(() => tf.reshape(tf.sin(tf.mul(tf.range(0, tf.util.sizeFromShape(shape)), step)), shape));
const linear = (name: string, out: number, inputs: number): Record<string, number[]> => ({
  [`${name}.weight`]: [out, inputs],
  [`${name}.bias`]: [out],
});
const norm = (name: string): Record<string, number[]> => ({ [`${name}.weight`]: [12], [`${name}.bias`]: [12] });

describe('Pooler', () => {
  checkLayer({
    create: (args) => new Pooler({ initializerRange, ...args }),
    inputs: () => [wave([2, 11, 12])],
    outputShape: [2, 12],
    weights: linear('dense', 12, 12),
    hasDropout: false,
  });
});

describe('Classifier', () => {
  checkLayer({
    create: (args) => new Classifier({ initializerRange, numLabels: 7, hiddenDropoutProb: 0.5, ...args }),
    inputs: () => [wave([2, 12])],
    outputShape: [2, 7],
    weights: { weight: [7, 12], bias: [7] },
    hasDropout: true,
  });
});

describe('Classifier with a transform', () => {
  const transform = { hiddenAct: 'gelu', layerNormEps };
  checkLayer({
    create: (args) => new Classifier({ initializerRange, numLabels: 7, hiddenDropoutProb: 0.5, transform, ...args }),
    inputs: () => [wave([2, 12])],
    outputShape: [2, 7],
    weights: { ...linear('transform.dense', 12, 12), ...norm('transform.LayerNorm'), weight: [7, 12], bias: [7] },
    hasDropout: true,
  });
});

describe('EncoderLayer', () => {
  const create = (prunedHeads: number[]) => (args: object) =>
    new EncoderLayer({
      numAttentionHeads: 4,
      intermediateSize: 10,
      hiddenAct: 'gelu',
      hiddenDropoutProb: 0.2,
      attentionProbsDropoutProb: 0.3,
      layerNormEps,
      initializerRange,
      prunedHeads,
      ...args,
    });
  const weights = (width: number): Record<string, number[]> => ({
    ...linear('attention.self.query', width, 12),
    ...linear('attention.self.key', width, 12),
    ...linear('attention.self.value', width, 12),
    ...linear('attention.output.dense', 12, width),
    ...norm('attention.output.LayerNorm'),
    ...linear('intermediate.dense', 10, 12),
    ...linear('output.dense', 12, 10),
    ...norm('output.LayerNorm'),
  });
  const withoutGradient = {
    'attention.self.key.bias': 'adds the same to all scores of a query, which the softmax cancels',
  };
  const outputShape = [2, 11, 12];
  describe('alone', () => {
    checkLayer({
      create: create([]),
      inputs: () => [wave([2, 11, 12])],
      outputShape,
      weights: weights(12),
      withoutGradient,
      hasDropout: true,
    });
  });
  describe('with a mask and a pruned head', () => {
    const mask = (): tf.Tensor =>
      tf.tensor2d([...Array<number>(11).fill(1), ...Array<number>(8).fill(1), 0, 0, 0], [2, 11], 'int32');
    checkLayer({
      create: create([2]),
      inputs: () => [wave([2, 11, 12]), mask()],
      outputShape,
      weights: weights(9),
      withoutGradient,
      hasDropout: true,
    });
  });
});

describe('Embeddings', () => {
  const create = (args: object): Embeddings =>
    new Embeddings({
      vocabSize: 9,
      hiddenSize: 12,
      visualEmbeddingDim: 8,
      maxPositionEmbeddings: 7,
      typeVocabSize: 2,
      padTokenId: 1,
      layerNormEps,
      hiddenDropoutProb: 0.2,
      initializerRange,
      ...args,
    });
  const ids = (): tf.Tensor => tf.tensor2d([[0, 3, 8, 4, 2], [0, 5, 4, 8, 2]], [2, 5], 'int32'); // prettier-ignore
  const types = (length: number): tf.Tensor =>
    tf.tidy(() => tf.concat([tf.zeros([2, 2], 'int32'), tf.ones([2, length - 2], 'int32')], 1));
  const table = (name: string, rows: number): Record<string, number[]> => ({ [`${name}.weight`]: [rows, 12] });
  const weights = {
    ...table('word_embeddings', 9),
    ...table('position_embeddings', 7),
    ...table('token_type_embeddings', 2),
    ...norm('LayerNorm'),
    ...table('visual_token_type_embeddings', 2),
    ...table('visual_position_embeddings', 7),
    ...linear('visual_projection', 12, 8),
  };
  describe('of text and regions', () => {
    const inputs = (): tf.Tensor[] => [ids(), types(5), wave([2, 6, 8]), types(6)];
    checkLayer({ create, inputs, outputShape: [2, 11, 12], weights, hasDropout: true });
  });
  describe('of text and regions of default types', () => {
    checkLayer({ create, inputs: () => [ids(), wave([2, 6, 8])], outputShape: [2, 11, 12], weights, hasDropout: true });
  });
  describe('of text alone', () => {
    const why = 'there are no regions';
    const withoutGradient = {
      'visual_token_type_embeddings.weight': why,
      'visual_position_embeddings.weight': why,
      'visual_projection.weight': why,
      'visual_projection.bias': why,
    };
    checkLayer({ create, inputs: () => [ids()], outputShape: [2, 5, 12], weights, withoutGradient, hasDropout: true });
  });
});

describe('MaskedLmHead', () => {
  const head = { initializerRange, vocabSize: 9, hiddenAct: 'gelu', layerNormEps };
  const transform = { ...linear('transform.dense', 12, 12), ...norm('transform.LayerNorm') };
  describe('with a decoder of its own', () => {
    checkLayer({
      create: (args) => new MaskedLmHead({ ...head, tied: false, ...args }),
      inputs: () => [wave([2, 12])],
      outputShape: [2, 9],
      weights: { ...transform, bias: [9], ...linear('decoder', 9, 12) },
      withoutGradient: { bias: 'takes no part beside decoder.bias, as in transformers' },
      hasDropout: false,
    });
  });
  describe('tied to a word table', () => {
    checkLayer({
      create: (args) => new MaskedLmHead({ ...head, tied: true, ...args }),
      inputs: () => [wave([2, 12]), wave([9, 12], 1.3)],
      outputShape: [2, 9],
      weights: { ...transform, bias: [9] },
      hasDropout: false,
    });
  });
});

describe('RegionToPhraseAttention', () => {
  checkLayer({
    create: (args) => new RegionToPhraseAttention({ initializerRange, numAttentionHeads: 4, ...args }),
    inputs: () => [wave([2, 5, 12]), wave([2, 6, 12], 0.3), tf.ones([2, 6])],
    outputShape: [2, 5, 6],
    weights: { ...linear('query', 3, 12), ...linear('key', 3, 12), ...linear('value', 3, 12) },
    withoutGradient: { 'value.weight': 'scores only', 'value.bias': 'scores only' },
    hasDropout: false,
  });
});
