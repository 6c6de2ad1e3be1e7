// Using what was disposed, and arguments that are none: errors of the package that say what to do, never a TypeError from inside.
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { convertCheckpoint } from '../../src/convert/convert.js';
import { inspectCheckpoint } from '../../src/convert/inspect.js';
import { VisualBertConfig } from '../../src/config/config.js';
import { CheckpointError, ConfigError, ShapeError } from '../../src/errors.js';
import type { InputValue } from '../../src/models/inputs/checked-input.js';
import type { ModelInputs } from '../../src/models/inputs/inputs.js';
import type { VisualBertPreTrainedModel } from '../../src/models/pretrained-model.js';
import { valueAndGradients } from '../../src/models/value-and-gradients.js';
import { VisualBertForVisualReasoning } from '../../src/models/visual-reasoning.js';
import type { RawTensor } from '../../src/raw-tensor.js';
import { useBackend } from '../helpers/backend.js';
import { tinyInputs, tinyModel } from '../helpers/models/tiny-model.js';

const NAME = 'VisualBertForVisualReasoning';
const INPUTS = tinyInputs(NAME);

beforeAll(async () => useBackend());

describe('a disposed model', () => {
  const uses: [string, (model: VisualBertPreTrainedModel) => unknown][] = [
    ['forward', (model) => model.forward(INPUTS)],
    ['namedParameters', (model) => model.namedParameters()],
    ['stateDict', (model) => model.stateDict()],
    ['savePretrained', (model) => model.savePretrained('nowhere')],
    ['resizeTokenEmbeddings', (model) => model.resizeTokenEmbeddings(40)],
    ['pruneHeads', (model) => model.pruneHeads({ 0: [0] })],
    ['freeze', (model) => model.freeze('*')],
    ['setInputEmbeddings', (model) => model.setInputEmbeddings(tf.zeros([30, 12]))],
    ['valueAndGradients', (model) => valueAndGradients(model, INPUTS)],
  ];
  test.each(uses)('says so in %s', async (_name, use) => {
    const model = tinyModel(NAME);
    model.dispose();
    model.dispose(); // once more does nothing
    await expect(async () => use(model)).rejects.toThrow(ConfigError);
    await expect(async () => use(model)).rejects.toThrow(`${NAME}: the model was disposed; load it again`);
  });
});

/** The labels of tiny inputs, which are lists or raw. */
function labelsOf({ labels }: ModelInputs): tf.Tensor {
  const { data, shape } = labels as RawTensor;
  return data === undefined ? tf.tensor(labels as tf.TensorLike) : tf.tensor(data, shape);
}

describe('inputs', () => {
  const received = (inputIds: unknown): ModelInputs => ({ ...INPUTS, inputIds: inputIds as InputValue });
  const disposed = (): tf.Tensor => {
    const tensor = tf.zeros([2, 5], 'int32');
    tensor.dispose();
    return tensor;
  };
  test.each<[string, () => unknown, RegExp]>([
    ['null', () => null, /expected inputs by name, such as \{ inputIds, visualEmbeds \}, received null/],
    ['nothing', () => undefined, /expected inputs by name.*received undefined/],
    ['a list', () => [[1]], /expected inputs by name.*received a list/],
    ['a disposed tensor', () => received(disposed()), /inputIds: the tensor was disposed; keep it until/],
    ['text among ids', () => received([['a']]), /inputIds: expected lists of whole numbers, received a among them/],
    ['null among ids', () => received([[null]]), /expected lists of whole numbers, received null/],
    ['fractions among ids', () => received([[1.5]]), /expected lists of whole numbers, received 1\.5/],
    ['rows of two lengths', () => received([[1, 2], [3]]), /expected/],
    ['text', () => received('ids'), /expected lists of whole numbers, received ids/],
  ])('%s are a ShapeError', async (_name, make, message) => {
    const model = tinyModel(NAME);
    const inputs = make() as ModelInputs;
    expect(() => model.forward(inputs)).toThrow(ShapeError);
    expect(() => model.forward(inputs)).toThrow(message);
    await expect(valueAndGradients(model, inputs)).rejects.toThrow(ShapeError);
    model.dispose();
  });

  test.each(['VisualBertForQuestionAnswering', 'VisualBertForRegionToPhraseAlignment'] as const)(
    '%s refuses labels that are integers read as floats, as tf.oneHot makes them on WebAssembly',
    (name) => {
      const model = tinyModel(name);
      const inputs = tinyInputs(name);
      const { size, shape } = labelsOf(inputs);
      const denormal = new Float32Array(Int32Array.from({ length: size }, (_, i) => (i === 1 ? 1 : 0)).buffer);
      expect(() => model.forward({ ...inputs, labels: { dtype: 'float32', shape, data: denormal } })).toThrow(
        /labels: received 1\.40\d+e-45, which is an integer read as a float.*tf\.cast\(tf\.oneHot/,
      );
      model.dispose();
    },
  );

  test('rows may be typed arrays', () => {
    const model = tinyModel(NAME);
    const rows = (INPUTS.inputIds as number[][]).map((row) => Int32Array.from(row)) as unknown as InputValue;
    const [a, b] = [model.forward(INPUTS), model.forward({ ...INPUTS, inputIds: rows })];
    expect(b.logits?.arraySync()).toEqual(a.logits?.arraySync());
    model.dispose();
  });
});

describe('arguments', () => {
  const model = (): VisualBertPreTrainedModel => tinyModel(NAME);
  test.each<[string, () => unknown, RegExp]>([
    ['config', () => new VisualBertForVisualReasoning({ hiddenSize: 8 } as VisualBertConfig), /expected a VisualBertConfig, received a plain object/],
    ['no config', () => new VisualBertForVisualReasoning(null as unknown as VisualBertConfig), /received null/],
    ['fields', () => new VisualBertConfig(null as never), /expected an object of fields, received null/],
    ['config.json', () => VisualBertConfig.fromJSON([]), /expected an object of fields, received \[\]/],
    ['resize', () => model().resizeTokenEmbeddings('20' as never), /expected a whole number of words/],
    ['prune', () => model().pruneHeads({ 0: 3 } as never), /prunedHeads to be a table/],
    ['freeze', () => model().freeze(null as never), /expected a pattern/],
    ['seed', () => model().forward(INPUTS, { training: true, seed: 'x' as never }), /expected seed to be a number/],
    ['save', () => model().savePretrained(undefined as never), /expected the path of a folder to write, received none/],
    ['outDir', () => convertCheckpoint('x', {} as never), /outDir: expected the path of a folder/],
    ['architecture', () => convertCheckpoint('x', { outDir: 'x', architecture: 'X' as never }), /architecture: expected one of VisualBertModel/],
    ['option', () => VisualBertForVisualReasoning.fromPretrained('test/fixtures/foreign/lora-base', { config: {} as never }), /expected config to be a VisualBertConfig/],
  ])('%s that is none is a ConfigError', async (_name, use, message) => {
    await expect(async () => use()).rejects.toThrow(ConfigError);
    await expect(async () => use()).rejects.toThrow(message);
  }); // prettier-ignore

  test.each([null, undefined, 3, ''])('%j is not a model to load, convert or inspect', async (where) => {
    const name = where as string;
    for (const use of [
      () => VisualBertForVisualReasoning.fromPretrained(name),
      () => VisualBertConfig.fromPretrained(name),
      () => convertCheckpoint(name, { outDir: 'nowhere' }),
      () => inspectCheckpoint(name),
    ]) {
      await expect(use()).rejects.toThrow(CheckpointError);
      await expect(use()).rejects.toThrow(/expected a folder, a checkpoint file, an address or a repository id/);
    }
  });

  test('a word table that is not a tensor is a ShapeError', () => {
    expect(() => model().setInputEmbeddings(null as never)).toThrow(ShapeError);
  });
});
