// What the names of parameters tell, on those of a model with every part.
import { describe, expect, test } from '@jest/globals';
import * as names from '../../../src/models/pretrained/parameter-names.js';

const WORDS = 'visual_bert.embeddings.word_embeddings.weight';
const QUERY = 'visual_bert.encoder.layer.10.attention.self.query.weight';
const JOIN = 'visual_bert.encoder.layer.10.attention.output.dense.weight';
const NORM = 'visual_bert.encoder.layer.10.attention.output.LayerNorm.weight';
const ADDITIONAL = 'visual_bert.additional_layer.output.dense.weight';
const POOLER = 'visual_bert.pooler.dense.weight';
const CLASSES = 'cls.weight';
const PHRASES = 'attention.query.weight';
const DECODER_BIAS = 'cls.predictions.decoder.bias';
const ALL = [WORDS, QUERY, JOIN, NORM, ADDITIONAL, POOLER, CLASSES, PHRASES, DECODER_BIAS];

describe('names of parameters', () => {
  test.each([
    ['isParameterName', ALL],
    ['isHead', [CLASSES, PHRASES, DECODER_BIAS]],
    ['isOfEmbeddings', [WORDS]],
    ['isAboveEncoder', [POOLER, CLASSES, PHRASES, DECODER_BIAS]],
    ['isEmbeddingTable', [WORDS]],
    ['joinsAttentionHeads', [JOIN]],
    ['isDecoderBias', [DECODER_BIAS]],
    ['isDecayed', [WORDS, QUERY, JOIN, ADDITIONAL, POOLER, CLASSES, PHRASES]],
  ] as const)('%s', (check, expected) => {
    expect(ALL.filter((name) => names[check](name))).toEqual(expected);
  });

  test('encoderLayerOf', () => {
    expect(ALL.map(names.encoderLayerOf)).toEqual([null, 10, 10, 10, null, null, null, null, null]);
    expect(names.encoderLayerOf('encoder.layer.2.output.dense.bias')).toBe(2);
  });

  test('isParameterName refuses what training programs store beside parameters', () => {
    expect(['epoch', 'optimizer.state', 'cls', 'visual_bert'].filter(names.isParameterName)).toEqual([]);
  });
});
