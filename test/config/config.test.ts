// VisualBertConfig against the defaults and the JSON form of transformers.
import { describe, expect, test } from '@jest/globals';
import { VisualBertConfig } from '../../src/config/config.js';
import { ConfigError } from '../../src/errors.js';

describe('VisualBertConfig', () => {
  test('has the defaults of the reference page', () => {
    expect(new VisualBertConfig().toJSON()).toEqual({
      model_type: 'visual_bert',
      vocab_size: 30522,
      hidden_size: 768,
      visual_embedding_dim: 512,
      num_hidden_layers: 12,
      num_attention_heads: 12,
      intermediate_size: 3072,
      hidden_act: 'gelu',
      hidden_dropout_prob: 0.1,
      attention_probs_dropout_prob: 0.1,
      max_position_embeddings: 512,
      type_vocab_size: 2,
      initializer_range: 0.02,
      layer_norm_eps: 1e-12,
      bypass_transformer: false,
      special_visual_initialize: true,
      pad_token_id: 1,
      bos_token_id: 0,
      eos_token_id: 2,
      tie_word_embeddings: true,
    });
  });

  test('makes label names from numLabels and counts them from id2label', () => {
    expect(new VisualBertConfig().numLabels).toBe(2);
    const three = new VisualBertConfig({ numLabels: 3 });
    expect(three.id2label).toEqual({ 0: 'LABEL_0', 1: 'LABEL_1', 2: 'LABEL_2' });
    expect(three.toJSON()).toMatchObject({ label2id: { LABEL_0: 0, LABEL_1: 1, LABEL_2: 2 } });
    const named = new VisualBertConfig({ id2label: { 0: 'yes', 1: 'no', 2: 'red' } });
    expect([named.numLabels, named.label2id]).toEqual([3, { yes: 0, no: 1, red: 2 }]);
    expect(named.with({ numLabels: 4 }).id2label[3]).toBe('LABEL_3');
    expect(named.with({ hiddenSize: 24 }).id2label).toEqual(named.id2label);
  });

  test('keeps unknown keys of a file and writes them back', () => {
    const json = {
      model_type: 'visual_bert',
      architectures: ['X'],
      hidden_size: 24,
      pad_token_id: null,
      num_labels: 5,
    };
    const config = VisualBertConfig.fromJSON(json);
    expect(config).toMatchObject({ hiddenSize: 24, padTokenId: null, numLabels: 5 });
    expect(config.toJSON()).toMatchObject({ architectures: ['X'], hidden_size: 24, pad_token_id: null });
    expect(VisualBertConfig.fromJSON(config.toJSON())).toEqual(config);
  });

  test('lets the label table of a file win over its num_labels', () => {
    const json = { id2label: { '0': 'a', '1': 'b', '2': 'c' }, num_labels: 2 };
    expect(VisualBertConfig.fromJSON(json).numLabels).toBe(3);
  });

  test('is frozen', () => {
    const config = new VisualBertConfig();
    expect(() => Object.assign(config, { hiddenSize: 1 })).toThrow(TypeError);
    expect(() => Object.assign(config.id2label, { 0: 'x' })).toThrow(TypeError);
  });

  test.each<[object, RegExp]>([
    [{ hiddenSize: 10, numAttentionHeads: 4 }, /hiddenSize to be a multiple of numAttentionHeads \(4\), received 10/],
    [{ hiddenDropoutProb: 1.5 }, /hiddenDropoutProb to be between 0 and 1/],
    [{ vocabSize: 0 }, /vocabSize to be a positive whole number/],
    [{ numLabels: 3, id2label: { 0: 'a' } }, /numLabels is 3 and id2label names 1/],
    [{ id2label: { 1: 'a' } }, /no name for 0/],
    [{ hiddenWidth: 3 }, /unknown field hiddenWidth/],
  ])('refuses %j', (options, message) => {
    expect(() => new VisualBertConfig(options)).toThrow(message);
    expect(() => new VisualBertConfig(options)).toThrow(ConfigError);
  });

  test.each<[object, RegExp]>([
    [{ bypass_transformer: 'false' }, /bypassTransformer to be true or false, received "false"/],
    [{ special_visual_initialize: 1 }, /specialVisualInitialize to be true or false, received 1/],
    [{ tie_word_embeddings: 'True' }, /tieWordEmbeddings to be true or false/],
    [{ output_attentions: 0 }, /outputAttentions to be true or false/],
    [{ hidden_size: '768' }, /hiddenSize to be a positive whole number.*received "768"/],
    [{ hidden_size: 12.5 }, /hiddenSize to be a positive whole number.*received 12\.5/],
    [{ num_hidden_layers: 1e9 }, /numHiddenLayers to be a whole number of at most 1000, received 1000000000/],
    [{ num_hidden_layers: -1 }, /numHiddenLayers/],
    [{ num_labels: 2 ** 53 }, /numLabels to be a positive whole number of at most 1000000/],
    [{ num_labels: 1e300 }, /numLabels/],
    [{ vocab_size: 2 ** 31 }, /vocabSize to be a positive whole number/],
    [{ vocab_size: 2 ** 30 }, /vocabSize to be small enough for a table of 768 columns/],
    [{ layer_norm_eps: -1e-5 }, /layerNormEps to be a finite number of at least 0/],
    [JSON.parse('{"initializer_range": 1e999}') as object, /initializerRange to be a finite number.*received Infinity/],
    [{ hidden_dropout_prob: '0.1' }, /hiddenDropoutProb to be between 0 and 1, received "0\.1"/],
    [{ pad_token_id: 30522 }, /padTokenId to be a row of the vocabulary of 30522 words, or null, received 30522/],
    [{ pad_token_id: -1 }, /padTokenId to be a whole number of at least 0/],
    [{ pad_token_id: 1.5 }, /padTokenId/],
    [{ eos_token_id: ['2'] }, /eosTokenId to be .* a list of them/],
    [{ pruned_heads: { 12: [0] } }, /prunedHeads to be heads below 12 of layers below 12/],
    [{ pruned_heads: { 0: [12] } }, /prunedHeads to be heads below 12/],
    [{ pruned_heads: { 0: [1, 1] } }, /lists of different heads/],
    [{ pruned_heads: [[0]] }, /prunedHeads to be a table/],
    [{ pruned_heads: { 0: Array.from({ length: 12 }, (_, head) => head) } }, /one left in each/],
    [{ id2label: ['no', 'yes'] }, /id2label to be a table of numbers from 0 and names, received \["no","yes"\]/],
    [{ id2label: 'ab' }, /id2label to be a table/],
    [{ id2label: { 0: 1 } }, /id2label to be a table/],
    [{ id2label: { '-1': 'a' } }, /id2label to be a table/],
    [{ label2id: { a: 'b' } }, /label2id to be a table of names and numbers/],
    [{ hidden_act: 3 }, /hiddenAct to be a name or a function/],
  ])('refuses a config.json with %j', (json, message) => {
    expect(() => VisualBertConfig.fromJSON(json)).toThrow(message);
    expect(() => VisualBertConfig.fromJSON(json)).toThrow(ConfigError);
  });

  test('does not let an option take the place of a method', () => {
    expect(() => new VisualBertConfig({ with: 1 } as object)).toThrow(/unknown field with/);
  });

  test('cannot save an activation given as a function', () => {
    expect(() => new VisualBertConfig({ hiddenAct: (x) => x }).toJSON()).toThrow(/name of an activation/);
  });
});
