// ONNX models in onnxruntime: PyTorch's outputs for every class, and those of `forward` for other sizes than the fixtures'.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointError, ConfigError } from '../../../src/errors.js';
import { ACTIVATION_NAMES } from '../../../src/layers/activations.js';
import type { VisualBertPreTrainedModel } from '../../../src/models/pretrained-model.js';
import { useBackend } from '../../helpers/backend.js';
import { modelOf } from '../../helpers/parity/fixture-model.js';
import { section } from '../../helpers/parity/fixture.js';
import { readFixture } from '../../helpers/parity/fixtures.js';
import {
  exportOnnx,
  farthest,
  forwardOutputs,
  graphInputsOf,
  type GraphInputs,
  ONNX_TOLERANCE,
  graphInputs,
  OnnxRuntime,
  sizedInputs,
} from '../../helpers/onnx/onnx.js';
import { MODEL_NAMES, tinyModel } from '../../helpers/models/tiny-model.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

/** A case of each class, and of what changes a graph; the slow tier has the others. */
const FIXTURES = [
  'model-defaults',
  'model-row-masked',
  'model-text-only',
  'multiple-choice',
  'multiple-choice-nested-alignment',
  'pretraining',
  'pretraining-untied',
  'qa-classifier-transform',
  'qa-holes',
  'region-to-phrase',
  'visual-reasoning-bypass',
];
const SIZES = [
  { b: 1, t: 2, v: 1 },
  { b: 3, t: 5, v: 4 },
  { b: 4, t: 12, v: 9 },
  { b: 2, t: 4, v: 0 },
];

let scratch: string;
let runtime: OnnxRuntime;
let folders = 0;
beforeAll(async () => {
  await useBackend();
  scratch = temporaryFolder();
  runtime = new OnnxRuntime();
});
afterAll(async () => {
  await runtime.close();
});

const newFolder = (): string => join(scratch, String(folders++));

/** How far outputs of the graph are from those of `forward`. */
async function apart(model: VisualBertPreTrainedModel, path: string, inputs: GraphInputs): Promise<number> {
  return farthest(await runtime.run(path, graphInputs(model, inputs)), await forwardOutputs(model, inputs));
}

describe('an ONNX model', () => {
  test.each(FIXTURES)('has the outputs of PyTorch: %s', async (name) => {
    const fixture = readFixture(name);
    const model = modelOf(fixture);
    const folder = newFolder();
    await exportOnnx(model, folder);
    const outputs = await runtime.run(join(folder, 'model.onnx'), graphInputs(model, graphInputsOf(fixture)));
    const expected = section(fixture, 'outputs');
    expect(outputs.size).toBeGreaterThan(0);
    for (const output of expected.keys()) if (!outputs.has(output)) expected.delete(output); // the loss
    expect(farthest(outputs, expected)).toBeLessThan(ONNX_TOLERANCE);
    model.dispose();
  });

  test.each(MODEL_NAMES)('takes batches, texts and regions of any size: %s', async (name) => {
    const model = tinyModel(name);
    const folder = newFolder();
    await exportOnnx(model, folder);
    for (const sizes of SIZES) {
      if (sizes.v === 0 && name === 'VisualBertForRegionToPhraseAlignment') continue; // has nothing to score
      expect(await apart(model, join(folder, 'model.onnx'), sizedInputs(name, sizes))).toBeLessThan(ONNX_TOLERANCE);
    }
    model.dispose();
  });

  test('joins text and regions in one more layer with bypassTransformer, and leaves text alone as it is', async () => {
    const model = tinyModel('VisualBertForQuestionAnswering', { bypassTransformer: true });
    const folder = newFolder();
    await exportOnnx(model, folder);
    for (const sizes of SIZES) {
      const inputs = sizedInputs('VisualBertForQuestionAnswering', sizes);
      expect(await apart(model, join(folder, 'model.onnx'), inputs)).toBeLessThan(ONNX_TOLERANCE);
    }
    model.dispose();
  });

  test.each(ACTIVATION_NAMES)('computes %s', async (hiddenAct) => {
    const model = tinyModel('VisualBertModel', { hiddenAct });
    const folder = newFolder();
    await exportOnnx(model, folder);
    const inputs = sizedInputs('VisualBertModel', { b: 2, t: 5, v: 3 });
    expect(await apart(model, join(folder, 'model.onnx'), inputs)).toBeLessThan(ONNX_TOLERANCE);
    model.dispose();
  });

  test('has the heads that pruning left, and an untied decoder', async () => {
    const model = tinyModel('VisualBertForPreTraining', { tieWordEmbeddings: false, numHiddenLayers: 3 });
    model.pruneHeads({ 0: [1], 2: [0, 3] });
    const folder = newFolder();
    await exportOnnx(model, folder);
    const inputs = sizedInputs('VisualBertForPreTraining', { b: 2, t: 5, v: 3 });
    expect(await apart(model, join(folder, 'model.onnx'), inputs)).toBeLessThan(ONNX_TOLERANCE);
    model.dispose();
  });

  test('has no layer where the model has none', async () => {
    const model = tinyModel('VisualBertForVisualReasoning', { numHiddenLayers: 0 });
    const folder = newFolder();
    await exportOnnx(model, folder);
    const inputs = sizedInputs('VisualBertForVisualReasoning', { b: 2, t: 5, v: 3 });
    expect(await apart(model, join(folder, 'model.onnx'), inputs)).toBeLessThan(ONNX_TOLERANCE);
    model.dispose();
  });

  test('fails for a text that is longer than the position table', async () => {
    const model = tinyModel('VisualBertModel');
    const folder = newFolder();
    await exportOnnx(model, folder);
    const inputs = sizedInputs('VisualBertModel', { b: 1, t: 13, v: 2 });
    await expect(runtime.run(join(folder, 'model.onnx'), graphInputs(model, inputs))).rejects.toThrow('Add');
    model.dispose();
  });
});

describe('convertCheckpoint to onnx', () => {
  test('keeps parameters in files of their own above the largest size, and removes those of an earlier model', async () => {
    const model = tinyModel('VisualBertForQuestionAnswering');
    const folder = newFolder();
    const { files } = await exportOnnx(model, folder, { maxShardSize: 4500 });
    const data = readdirSync(folder).filter((file) => file.startsWith('model.onnx_data'));
    expect(data.length).toBeGreaterThan(2);
    expect(files).toEqual(
      expect.arrayContaining(['model.onnx', 'model.onnx_data', 'model.onnx_data_1', 'config.json']),
    );
    for (const file of data) expect(statSync(join(folder, file)).size).toBeLessThanOrEqual(4500);
    const inputs = sizedInputs('VisualBertForQuestionAnswering', { b: 2, t: 5, v: 3 });
    expect(await apart(model, join(folder, 'model.onnx'), inputs)).toBeLessThan(ONNX_TOLERANCE);

    await exportOnnx(model, folder);
    expect(readdirSync(folder).filter((file) => file.startsWith('model.onnx'))).toEqual(['model.onnx']);
    expect(await apart(model, join(folder, 'model.onnx'), inputs)).toBeLessThan(ONNX_TOLERANCE);
    model.dispose();
  });

  test('refuses a folder with weights, and changes nothing there', async () => {
    const [model, other] = [tinyModel('VisualBertModel'), tinyModel('VisualBertForQuestionAnswering')];
    const folder = newFolder();
    await other.savePretrained(folder);
    const files = readdirSync(folder);
    const config = readFileSync(join(folder, 'config.json'), 'utf8');
    await expect(exportOnnx(model, folder)).rejects.toThrow(ConfigError);
    await expect(exportOnnx(model, folder)).rejects.toThrow(
      `received ${folder}, which holds model.safetensors; name another folder, such as ${join(folder, 'onnx')}`,
    );
    expect(readdirSync(folder)).toEqual(files);
    expect(readFileSync(join(folder, 'config.json'), 'utf8')).toBe(config);
    model.dispose();
    other.dispose();
  });

  test('is replaced by the weights of the next model in its folder', async () => {
    const model = tinyModel('VisualBertModel');
    const folder = newFolder();
    await exportOnnx(model, folder, { maxShardSize: 4500 });
    await exportOnnx(model, folder, { format: 'safetensors' });
    expect(readdirSync(folder).sort()).toEqual(['config.json', 'model.safetensors']);
    model.dispose();
  });

  test('writes the same bytes twice', async () => {
    const model = tinyModel('VisualBertModel');
    const [folder, again] = [newFolder(), newFolder()];
    await exportOnnx(model, folder);
    await exportOnnx(model, again);
    expect(readFileSync(join(folder, 'model.onnx')).equals(readFileSync(join(again, 'model.onnx')))).toBe(true);
    expect(JSON.parse(readFileSync(join(again, 'config.json'), 'utf8'))).toMatchObject({ dtype: 'float32' });
    model.dispose();
  });

  test('writes nothing for a model that lacks a parameter of its graph', async () => {
    const model = tinyModel('VisualBertModel', {}, { addPoolingLayer: false });
    const folder = newFolder();
    await expect(exportOnnx(model, folder)).rejects.toThrow(CheckpointError);
    await expect(exportOnnx(model, folder)).rejects.toThrow('pooler.dense.weight');
    expect(existsSync(folder)).toBe(false);
    model.dispose();
  });

  test('refuses other dtypes and quantisation, and names tools for them', async () => {
    const model = tinyModel('VisualBertModel');
    for (const options of [{ dtype: 'float16' }, { quantization: 'uint8' }] as const) {
      await expect(exportOnnx(model, newFolder(), options)).rejects.toThrow(ConfigError);
      await expect(exportOnnx(model, newFolder(), options)).rejects.toThrow("onnxruntime's tools");
    }
    model.dispose();
  });
});
