// Loading what transformers saved, saving what it reads, and saying what does not fit.
import { beforeAll, describe, expect, test } from '@jest/globals';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { memorySink } from '../../../src/byte-sink.js';
import { type TensorToWrite, writeSafetensors } from '../../../src/checkpoint/safetensors.js';
import { VisualBertConfig } from '../../../src/config/config.js';
import { CheckpointError } from '../../../src/errors.js';
import { openModel } from '../../../src/models/open-model.js';
import { openTensorPath } from '../../../src/models/pretrained/open-weights.js';
import { savePretrained } from '../../../src/models/pretrained/save.js';
import type { FromPretrainedOptions, LoadingReport } from '../../../src/models/pretrained/types.js';
import type { RawTensor } from '../../../src/raw-tensor.js';
import type { VisualBertPreTrainedModel } from '../../../src/models/pretrained-model.js';
import { VisualBertForQuestionAnswering } from '../../../src/models/question-answering.js';
import { VisualBertModel } from '../../../src/models/visual-bert-model.js';
import { VisualBertForVisualReasoning } from '../../../src/models/visual-reasoning.js';
import { loadForwardPass } from '../../../src/inference/open-forward-pass.js';
import { useBackend } from '../../helpers/backend.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const FOLDER = 'test/fixtures/checkpoints';
const expected = JSON.parse(readFileSync(`${FOLDER}/tiny.json`, 'utf8')) as {
  inputs: { input_ids: number[][]; attention_mask: number[][]; visual_embeds: number[][][] };
  'tiny-vqa': number[][];
};

let scratch: string;
let hasEngine = false;
beforeAll(async () => {
  hasEngine = (await useBackend()).backend === 'tensorflow';
  scratch = temporaryFolder();
});

const loadVqa = (where: string, options?: FromPretrainedOptions): Promise<VisualBertForQuestionAnswering> =>
  VisualBertForQuestionAnswering.fromPretrained(where, options);

async function read(model: VisualBertPreTrainedModel, name: string): Promise<RawTensor['data'] | undefined> {
  return (await model.stateDict()).get(name)?.data;
}

function logitsOf(model: VisualBertForQuestionAnswering): number[][] {
  const { input_ids, attention_mask, visual_embeds } = expected.inputs;
  const inputs = {
    inputIds: tf.tensor2d(input_ids, undefined, 'int32'),
    attentionMask: tf.tensor2d(attention_mask, undefined, 'int32'),
    visualEmbeds: tf.tensor3d(visual_embeds),
  };
  const { logits } = model.forward(inputs);
  return logits.arraySync() as number[][];
}

function expectGolden(model: VisualBertForQuestionAnswering): void {
  const [got, want] = [logitsOf(model).flat(), expected['tiny-vqa'].flat()];
  got.forEach((value, i) => expect(Math.abs(value - (want[i] ?? NaN))).toBeLessThan(1e-5));
}

function report(model: VisualBertPreTrainedModel): LoadingReport {
  if (model.loadingReport === null) throw new Error('expected a loaded model');
  return model.loadingReport;
}

/** A safetensors file with changes to the tensors of tiny-vqa. */
async function changed(name: string, change: (tensors: TensorToWrite[]) => TensorToWrite[]): Promise<string> {
  const folder = join(scratch, name);
  cpSync(`${FOLDER}/tiny-vqa`, folder, { recursive: true });
  const file = await openTensorPath(join(folder, 'model.safetensors'));
  const tensors = await Promise.all(
    [...file.tensors.values()].map(async (t) => {
      const bytes = await file.readBytes(t.name);
      return { name: t.name, dtype: t.dtype, shape: t.shape, bytes: () => bytes };
    }),
  );
  await file.close();
  const sink = memorySink(name);
  await writeSafetensors(sink, change(tensors));
  writeFileSync(join(folder, 'model.safetensors'), sink.bytes());
  return folder;
}

describe('loadPretrained', () => {
  test.each(['tiny-vqa', 'tiny-vqa-bin', 'tiny-vqa-shards'])(
    'gives the logits of transformers from %s, using every key',
    async (name) => {
      const model = await loadVqa(`${FOLDER}/${name}`);
      expectGolden(model);
      expect(report(model)).toMatchObject({
        missingKeys: [],
        unexpectedKeys: [],
        mismatchedKeys: [],
        nonFiniteKeys: [],
        storedDtypes: { F32: model.namedParameters().size },
      });
      expect(model.config.numLabels).toBe(5);
      model.dispose();
    },
  );

  test('names a folder that has the name of the weights file', async () => {
    const folder = join(scratch, 'folder-for-file');
    cpSync(`${FOLDER}/tiny-vqa`, folder, { recursive: true });
    rmSync(join(folder, 'model.safetensors'), { force: true });
    mkdirSync(join(folder, 'model.safetensors'));
    const loading = loadVqa(folder);
    await expect(loading).rejects.toThrow(CheckpointError);
    await expect(loading).rejects.toThrow(`${join(folder, 'model.safetensors')}: expected a file, found a folder`);
  });

  test('disposes all tensors except the parameters', async () => {
    const before = tf.memory().numTensors;
    const model = await loadVqa(`${FOLDER}/tiny-vqa`);
    expect(tf.memory().numTensors - before).toBe(model.namedParameters().size);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('strips the prefix for the base model and lists the head as unexpected', async () => {
    const model = await VisualBertModel.fromPretrained(`${FOLDER}/tiny-vqa`);
    expect(report(model).unexpectedKeys.sort()).toEqual(['cls.bias', 'cls.weight']);
    expect(report(model).missingKeys).toEqual([]);
    await model.savePretrained(join(scratch, 'base'));
    const again = await loadVqa(join(scratch, 'base'), { numLabels: 5, seed: 3 });
    expect(report(again).missingKeys.sort()).toEqual(['cls.bias', 'cls.weight']);
    const fresh = new VisualBertForQuestionAnswering(again.config, { seed: 3 });
    expect(await read(again, 'cls.weight')).toEqual(await read(fresh, 'cls.weight'));
    expect(await read(again, 'visual_bert.pooler.dense.weight')).toEqual(await read(model, 'pooler.dense.weight'));
  });

  test('reads LayerNorm.gamma and beta of old files and ignores position_ids', async () => {
    const model = await VisualBertModel.fromPretrained(`${FOLDER}/tiny-pretraining-old`);
    expect(report(model).missingKeys).toEqual([]);
    expect(report(model).ignoredKeys).toEqual(['visual_bert.embeddings.position_ids']);
    expect(report(model).format).toBe('pytorch');
    model.dispose();
  });

  test('names the class that fits when the head has other labels', async () => {
    const reasoning = VisualBertForVisualReasoning.fromPretrained(`${FOLDER}/tiny-vqa`, { numLabels: 2 });
    await expect(reasoning).rejects.toThrow(
      /is intact, but 2 of its tensors[\s\S]*cls.weight: \[5, 8\] in the file, \[2, 8\] in the model[\s\S]*VisualBertForQuestionAnswering[\s\S]*numLabels to 5/,
    );
  });

  test('names the width that fits when the features are of another detector', async () => {
    const model = await loadVqa(`${FOLDER}/tiny-vqa`);
    await expect(
      loadVqa(`${FOLDER}/tiny-vqa`, { config: model.config.with({ visualEmbeddingDim: 4 }) }),
    ).rejects.toThrow(/set visualEmbeddingDim to 6/);
  });

  test('leaves mismatched heads fresh when asked', async () => {
    const model = await loadVqa(`${FOLDER}/tiny-vqa`, { numLabels: 7, ignoreMismatchedSizes: true });
    expect(report(model).mismatchedKeys).toContainEqual({ key: 'cls.weight', fileShape: [5, 8], modelShape: [7, 8] });
    expect(report(model).missingKeys).toEqual([]);
    expect(model.namedParameters().get('cls.weight')?.shape).toEqual([7, 8]);
  });

  test('tells a damaged file, a foreign file and a missing file apart', async () => {
    const cut = join(scratch, 'cut');
    cpSync(`${FOLDER}/tiny-vqa`, cut, { recursive: true });
    writeFileSync(join(cut, 'model.safetensors'), readFileSync(join(cut, 'model.safetensors')).subarray(0, 9000));
    await expect(loadVqa(cut)).rejects.toThrow(
      /model\.safetensors: tensor .* ends at byte .* the file at 9000; it is cut off/,
    );
    const foreign = await changed('foreign', (tensors) => tensors.map((t, i) => ({ ...t, name: `gpt.h.${i}` })));
    await expect(loadVqa(foreign)).rejects.toThrow(/none of the \d+ tensors .* belongs to a VisualBERT/);
    rmSync(join(foreign, 'model.safetensors'));
    await expect(loadVqa(foreign)).rejects.toThrow(/no weights found; expected one of model\.safetensors/);
    await expect(loadVqa('no such thing!')).rejects.toThrow(
      /expected a folder, a checkpoint file, an address or a repository id/,
    );
  });

  test('reports a config.json that is missing, broken or of another model', async () => {
    const folder = join(scratch, 'config');
    cpSync(`${FOLDER}/tiny-vqa`, folder, { recursive: true });
    for (const [text, reason] of [
      ['{', /config\.json: is not JSON/],
      ['[]', /expected a JSON object/],
      ['{"model_type": "bert"}', /of type "bert", expected visual_bert/],
    ] as const) {
      writeFileSync(join(folder, 'config.json'), text);
      await expect(loadVqa(folder)).rejects.toThrow(reason);
    }
    rmSync(join(folder, 'config.json'));
    await expect(loadVqa(folder)).rejects.toThrow(/has no config\.json/);
  });

  test('names parameters with values that are not finite', async () => {
    const poisoned = await changed('nan', (tensors) =>
      tensors.map((t) =>
        t.name === 'cls.bias' ? { ...t, bytes: () => new Uint8Array(Float32Array.of(1, NaN, 3, 4, 5).buffer) } : t,
      ),
    );
    expect((await loadVqa(poisoned)).loadingReport?.nonFiniteKeys).toEqual(['cls.bias']);
    if (!hasEngine) return;
    const open = (): ReturnType<typeof openModel<VisualBertForQuestionAnswering>> =>
      openModel(VisualBertForQuestionAnswering, poisoned, {});
    const { model, forward } = await loadForwardPass(open); // reads the file inside the session
    expect(report(model).nonFiniteKeys).toEqual(['cls.bias']);
    await forward.dispose();
    model.dispose();
  });

  test('prefers safetensors to a pytorch_model.bin in the same folder', async () => {
    const folder = await changed('both', (tensors) => tensors);
    writeFileSync(join(folder, 'pytorch_model.bin'), 'not a checkpoint');
    expectGolden(await loadVqa(folder));
  });

  test('copies text tables into visual ones that no file fills, as the authors do', async () => {
    const folder = await changed('text-only', (tensors) =>
      tensors.filter(({ name }) => !/visual_(token|position)/.test(name)),
    );
    const model = await loadVqa(folder);
    expect(report(model).missingKeys).toHaveLength(2);
    for (const table of ['position_embeddings', 'token_type_embeddings']) {
      const [visual, text] = [
        `visual_bert.embeddings.visual_${table}.weight`,
        `visual_bert.embeddings.${table}.weight`,
      ];
      expect(await read(model, visual)).toEqual(await read(model, text));
    }
  });

  test('refuses an index that points out of its folder, or at a shard without the tensor', async () => {
    const folder = join(scratch, 'shards');
    cpSync(`${FOLDER}/tiny-vqa-shards`, folder, { recursive: true });
    const path = join(folder, 'model.safetensors.index.json');
    const index = JSON.parse(readFileSync(path, 'utf8')) as { weight_map: Record<string, string> };
    const write = (changes: Record<string, string>): void =>
      writeFileSync(path, JSON.stringify({ ...index, weight_map: { ...index.weight_map, ...changes } }));
    write({ 'cls.weight': '../model.safetensors' });
    await expect(loadVqa(folder)).rejects.toThrow(
      /"cls\.weight" lies in "\.\.\/model\.safetensors"; expected the name of a file/,
    );
    write({ nothing: 'model-00001-of-00003.safetensors' });
    await expect(loadVqa(folder)).rejects.toThrow(/model-00001-of-00003\.safetensors does not hold tensor "nothing"/);
    write({ nothing: 'model-00004-of-00003.safetensors' });
    await expect(loadVqa(folder)).rejects.toThrow(
      /names model-00004-of-00003\.safetensors, which is not in its folder/,
    );
  });
});

describe('savePretrained', () => {
  test.each([
    { format: 'safetensors' },
    { format: 'pytorch' },
    { format: 'safetensors', maxShardSize: '1KB' },
    { format: 'pytorch', maxShardSize: 2000 },
  ] as const)('round trips without a changed bit with %j', async (options) => {
    const model = await loadVqa(`${FOLDER}/tiny-vqa`);
    const folder = join(scratch, JSON.stringify(options).replace(/\W/g, '-'));
    await model.savePretrained(folder, options);
    const again = await loadVqa(folder);
    expect(report(again)).toMatchObject({ missingKeys: [], unexpectedKeys: [] });
    for (const name of model.namedParameters().keys()) expect(await read(again, name)).toEqual(await read(model, name));
    expect(again.config.toJSON()).toMatchObject({
      architectures: ['VisualBertForQuestionAnswering'],
      visual_embedding_dim: 6,
    });
    const files = readdirSync(folder);
    expect(files.filter((file) => file.endsWith('.tmp'))).toEqual([]);
    expect(files.length > 3).toBe('maxShardSize' in options);
  });

  test('stores half precision and loads it as float32', async () => {
    const model = await loadVqa(`${FOLDER}/tiny-vqa`);
    for (const [dtype, stored, tolerance] of [
      ['float16', 'F16', 2e-3],
      ['bfloat16', 'BF16', 2e-2],
    ] as const) {
      await model.savePretrained(join(scratch, dtype), { dtype });
      const again = await loadVqa(join(scratch, dtype));
      expect(Object.keys(report(again).storedDtypes)).toEqual([stored]);
      const [a, b] = [await read(model, 'cls.weight'), await read(again, 'cls.weight')];
      a?.forEach((value, i) => expect(Math.abs(value - (b?.[i] ?? NaN))).toBeLessThan(tolerance));
      expect(JSON.parse(readFileSync(join(scratch, dtype, 'config.json'), 'utf8'))).toMatchObject({ dtype });
    }
  });

  test('removes the weights of an earlier save, which would win over the new ones', async () => {
    const model = await loadVqa(`${FOLDER}/tiny-vqa`);
    const folder = join(scratch, 'twice');
    await model.savePretrained(folder, { maxShardSize: '1KB' });
    writeFileSync(join(folder, 'notes.bin'), 'mine');
    await model.savePretrained(folder, { format: 'pytorch' });
    expect(readdirSync(folder).sort()).toEqual(['config.json', 'notes.bin', 'pytorch_model.bin']);
  });

  test('leaves the folder as it was when a parameter cannot be read', async () => {
    const model = await loadVqa(`${FOLDER}/tiny-vqa`);
    const folder = join(scratch, 'failing');
    await model.savePretrained(folder);
    const before = readFileSync(join(folder, 'model.safetensors'));
    const { className, config, tiedWeights } = model;
    const shapes = new Map([...model.namedParameters()].map(([name, { shape }]) => [name, shape]));
    const read = async (): Promise<Float32Array> => {
      throw new Error('gone');
    };
    await expect(savePretrained({ className, config, tiedWeights, shapes, read }, folder)).rejects.toThrow('gone');
    expect(readFileSync(join(folder, 'model.safetensors')).equals(before)).toBe(true);
    expect(existsSync(join(folder, 'model.safetensors'))).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(['config.json', 'model.safetensors']);
  });

  test('refuses unknown formats, dtypes and sizes', async () => {
    const model = new VisualBertModel(
      new VisualBertConfig({
        vocabSize: 5,
        hiddenSize: 2,
        numHiddenLayers: 0,
        numAttentionHeads: 1,
        intermediateSize: 2,
        visualEmbeddingDim: 2,
        maxPositionEmbeddings: 3,
      }),
    );
    const folder = join(scratch, 'refused');
    await expect(model.savePretrained(folder, { format: 'onnx' as 'pytorch' })).rejects.toThrow(
      /expected format safetensors or pytorch/,
    );
    await expect(model.savePretrained(folder, { dtype: 'int8' as 'float16' })).rejects.toThrow(
      /expected dtype float32, float16 or bfloat16/,
    );
    await expect(model.savePretrained(folder, { maxShardSize: 'big' })).rejects.toThrow(/expected maxShardSize/);
  });
});
