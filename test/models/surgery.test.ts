// Changing a model: vocabulary, heads, frozen parameters, and what each does to names, shapes, values and the configuration.
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { VisualBertConfig } from '../../src/config/config.js';
import { ConfigError, ShapeError } from '../../src/errors.js';
import { VisualBertForQuestionAnswering } from '../../src/models/question-answering.js';
import { valueAndGradients } from '../../src/models/value-and-gradients.js';
import { useBackend } from '../helpers/backend.js';
import { toBeCloseToTensor } from '../helpers/tensors.js';
import { largestDifference, tinyInputs, tinyModel } from '../helpers/models/tiny-model.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const PRE = 'VisualBertForPreTraining';
const QA = 'VisualBertForQuestionAnswering';
const WORDS = 'visual_bert.embeddings.word_embeddings.weight';

beforeAll(async () => {
  await useBackend();
});

describe('resizeTokenEmbeddings', () => {
  test('keeps old rows, draws new ones around their mean, and takes the decoder along', async () => {
    const model = tinyModel(PRE);
    model.namedParameters().get('cls.predictions.bias')?.assign(tf.range(0, 30));
    const before = (await model.stateDict()).get(WORDS)?.data as Float32Array;
    const table = model.resizeTokenEmbeddings(33);
    const after = (await model.stateDict()).get(WORDS)?.data as Float32Array;
    expect([table.shape, model.config.vocabSize]).toEqual([[33, 12], 33]);
    expect([...after.subarray(0, 360)]).toEqual([...before]);
    for (let column = 0; column < 12; column++) {
      const old = Array.from({ length: 30 }, (_, row) => before[row * 12 + column] as number);
      const mean = old.reduce((sum, x) => sum + x) / 30;
      for (const row of [30, 31, 32]) {
        // noise of 3e-5 standard deviations of the column (about 0.3), so 1e-4 is ten of them
        expect(Math.abs((after[row * 12 + column] as number) - mean)).toBeLessThan(1e-4);
      }
    }
    expect(new Set([30, 31, 32].map((row) => after[row * 12])).size).toBe(3);
    const bias = (await model.stateDict()).get('cls.predictions.decoder.bias');
    expect([bias?.shape, [...(bias?.data ?? [])].slice(28)]).toEqual([[33], [28, 29, 0, 0, 0]]);
    const inputs = { ...tinyInputs(PRE), labels: undefined, inputIds: [[32, 31, 30, 2, 3], [1, 2, 3, 4, 5]] }; // prettier-ignore
    const out = model.forward(inputs);
    expect(out.predictionLogits?.shape).toEqual([2, 11, 33]);
    tf.dispose([...Object.values(out)]);
    model.dispose();
  });

  test('cuts rows, rounds up to a multiple, and draws fresh rows on request', async () => {
    const model = tinyModel(PRE, { tieWordEmbeddings: false });
    model.resizeTokenEmbeddings(20);
    const shapes = Object.fromEntries([...model.namedParameters()].map(([name, { shape }]) => [name, shape]));
    expect(shapes).toMatchObject({
      [WORDS]: [20, 12],
      'cls.predictions.bias': [20],
      'cls.predictions.decoder.weight': [20, 12],
      'cls.predictions.decoder.bias': [20],
    });
    expect(model.resizeTokenEmbeddings(21, { padToMultipleOf: 8 }).shape).toEqual([24, 12]);
    const fresh = model.resizeTokenEmbeddings(2024, { meanResizing: false });
    const rows = tf.tidy(() => tf.moments(tf.slice(fresh, [24, 0])));
    expect(Math.abs((await rows.mean.data())[0] as number)).toBeLessThan(0.01); // 5 standard errors of 0.3 over 24,000
    expect(Math.abs(Math.sqrt((await rows.variance.data())[0] as number) - 0.3)).toBeLessThan(0.007);
    tf.dispose([rows.mean, rows.variance]);
    model.dispose();
  });

  test('disposes its tensors and keeps frozen parameters frozen', () => {
    const model = tinyModel(QA);
    const before = tf.memory().numTensors;
    model.freeze('visual_bert.embeddings.*');
    model.resizeTokenEmbeddings(40);
    expect(tf.memory().numTensors).toBe(before);
    expect(model.getInputEmbeddings().trainable).toBe(false);
    const { size } = model.namedParameters();
    model.dispose();
    expect(tf.memory().numTensors).toBe(before - size);
  });
});

describe('setInputEmbeddings', () => {
  test('copies a table of the same or another height', async () => {
    const model = tinyModel(PRE);
    const table = tf.randomNormal([35, 12]);
    model.setInputEmbeddings(table);
    expect(model.config.vocabSize).toBe(35);
    expect(await largestDifference(model.getInputEmbeddings(), table)).toBe(0);
    table.dispose();
    expect(model.getOutputEmbeddings()).toBe(model.getInputEmbeddings());
    expect(() => model.setInputEmbeddings(tf.zeros([35, 11]))).toThrow(ShapeError);
    model.dispose();
  });

  test('an untied decoder has a table of its own; other classes have no decoder', () => {
    const untied = tinyModel(PRE, { tieWordEmbeddings: false });
    expect(untied.getOutputEmbeddings()).toBe(untied.namedParameters().get('cls.predictions.decoder.weight'));
    const plain = tinyModel(QA);
    expect(plain.getOutputEmbeddings()).toBeNull();
    untied.dispose();
    plain.dispose();
  });
});

describe('pruneHeads', () => {
  test('gives what a mask of those heads gives, and remembers it in the configuration', async () => {
    const model = tinyModel('VisualBertModel');
    const inputs = tinyInputs('VisualBertModel');
    const headMask = [
      [1, 0, 1, 1],
      [0, 1, 0, 1],
    ];
    const masked = model.forward({ ...inputs, headMask });
    model.pruneHeads({ 0: [1], 1: [0] });
    model.pruneHeads({ 1: [2] });
    expect(model.config.toJSON()).toMatchObject({ pruned_heads: { 0: [1], 1: [0, 2] } });
    const shapeOf = (name: string): number[] | undefined => model.namedParameters().get(name)?.shape;
    expect(shapeOf('encoder.layer.0.attention.self.key.weight')).toEqual([9, 12]);
    expect(shapeOf('encoder.layer.1.attention.self.key.bias')).toEqual([6]);
    expect(shapeOf('encoder.layer.1.attention.output.dense.weight')).toEqual([12, 6]);
    const pruned = model.forward({ ...inputs, outputAttentions: true });
    expect(pruned.attentions?.map(({ shape }) => shape)).toEqual([[2, 3, 11, 11], [2, 2, 11, 11]]); // prettier-ignore
    const distance = await largestDifference(pruned.lastHiddenState as tf.Tensor, masked.lastHiddenState as tf.Tensor);
    expect(distance).toBeLessThan(1e-5); // the same sums in another order

    const again = model.forward({ ...inputs, headMask: [1, 1, 0, 1] });
    expect(again.lastHiddenState?.shape).toEqual([2, 11, 12]);
    const copy = tinyModel('VisualBertModel', VisualBertConfig.fromJSON(model.config.toJSON()));
    expect([...copy.namedParameters()].map(([name, { shape }]) => [name, shape])).toEqual(
      [...model.namedParameters()].map(([name, { shape }]) => [name, shape]),
    );
    for (const out of [masked, pruned, again]) tf.dispose(Object.values(out));
    model.dispose();
    copy.dispose();
  });

  test('survives saving and loading', async () => {
    const folder = temporaryFolder();
    const model = tinyModel(QA);
    model.pruneHeads({ 1: [0, 3] });
    await model.savePretrained(folder);
    const loaded = await VisualBertForQuestionAnswering.fromPretrained(folder);
    expect(loaded.loadingReport).toMatchObject({ missingKeys: [], unexpectedKeys: [] });
    const [a, b] = [model, loaded].map((one) => one.forward(tinyInputs(QA)).logits as tf.Tensor) as [
      tf.Tensor,
      tf.Tensor,
    ];
    await toBeCloseToTensor(b, a, 0);
    model.dispose();
    loaded.dispose();
  });

  test.each([
    [{ 2: [0] }, /layers from 0 to 1/],
    [{ 0: [4] }, /heads from 0 to 3, received layer 0 with head 4/],
    [{ 0: [0, 1, 2, 3] }, /layer 0 would lose all 4 heads/],
  ])('refuses %j', (heads, message) => {
    const model = tinyModel(QA);
    expect(() => model.pruneHeads(heads as Record<number, number[]>)).toThrow(message);
    expect(() => model.pruneHeads(heads as Record<number, number[]>)).toThrow(ConfigError);
    model.dispose();
  });
});

describe('freeze', () => {
  test('takes parameters out of the gradients by pattern', async () => {
    const model = tinyModel(QA);
    const frozen = model.freeze('visual_bert.embeddings.*');
    expect(frozen.length).toBe(9);
    expect(model.freeze(/layer\.0\./).length).toBe(16);
    const { gradients } = await valueAndGradients(model, tinyInputs(QA));
    expect([...gradients.keys()].filter((name) => /embeddings|layer\.0\./.test(name))).toEqual([]);
    expect(gradients.size).toBe(16 + 2);
    tf.dispose([...gradients.values()]);
    expect(model.numParameters({ onlyTrainable: true })).toBeLessThan(model.numParameters());
    model.unfreeze('*');
    expect(model.numParameters({ onlyTrainable: true })).toBe(model.numParameters());
    expect(() => model.freeze('bert.*')).toThrow(/no parameter matches bert\.\*; namedParameters\(\) lists the names/);
    model.dispose();
  });
});
