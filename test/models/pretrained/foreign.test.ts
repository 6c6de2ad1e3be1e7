// Checkpoints that other programs leave: wrappers in the keys, LoRA adapters, 8 bits, keys without tensors. Values by peft, bitsandbytes, torch.
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { CheckpointError } from '../../../src/errors.js';
import { setLogger } from '../../../src/logger.js';
import { likelyReason } from '../../../src/models/pretrained/fresh-weights.js';
import type { FromPretrainedOptions } from '../../../src/models/pretrained/types.js';
import { unwrapKeys } from '../../../src/models/pretrained/wrappers.js';
import { VisualBertForPreTraining } from '../../../src/models/pre-training.js';
import { VisualBertForVisualReasoning } from '../../../src/models/visual-reasoning.js';
import { useBackend } from '../../helpers/backend.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const FOLDER = 'test/fixtures/foreign';

interface Expected {
  inputs: { input_ids: number[][]; attention_mask: number[][]; visual_embeds: number[][][] };
  [name: string]: unknown;
}
const expected = JSON.parse(readFileSync(`${FOLDER}/expected.json`, 'utf8')) as Expected;

let scratch: string;
let warnings: string[];
beforeAll(async () => {
  await useBackend();
  scratch = temporaryFolder();
});
beforeEach(() => {
  warnings = [];
  setLogger({ info: () => undefined, warn: (message) => warnings.push(message) });
});
afterEach(() => setLogger(null));

const load = (where: string, options?: FromPretrainedOptions): Promise<VisualBertForVisualReasoning> =>
  VisualBertForVisualReasoning.fromPretrained(where.startsWith('/') ? where : `${FOLDER}/${where}`, options);

/** Float32 sums in another order than PyTorch's; logits are near 1. */
const TOLERANCE = 1e-5;

function expectLogits(model: VisualBertForVisualReasoning, name: string): void {
  const { input_ids, attention_mask, visual_embeds } = expected.inputs;
  const { logits } = model.forward({
    inputIds: input_ids,
    attentionMask: attention_mask,
    visualEmbeds: tf.tensor3d(visual_embeds),
  });
  const [got, want] = [logits.arraySync() as number[][], expected[name] as number[][]];
  got.flat().forEach((value, i) => expect(Math.abs(value - (want.flat()[i] ?? NaN))).toBeLessThan(TOLERANCE));
  model.dispose();
}

describe('wrappers in the keys', () => {
  test.each([
    ['compiled-parallel', ['module. (DataParallel', '_orig_mod. (torch.compile)']],
    ['checkpointed-layers', ['_orig_mod. (torch.compile)', '_checkpoint_wrapped_module. (activation checkpointing)']],
    ['averaged', ['module. (DataParallel']],
    ['lightning/epoch.ckpt', ['_orig_mod. (torch.compile)', 'net. (the attribute that held the model)']],
  ])('%s gives the logits of the plain model, without a warning', async (name, wrappers) => {
    const model = await load(name);
    expect(model.loadingReport?.missingKeys).toEqual([]);
    expect(model.loadingReport?.wrappers).toEqual(wrappers.map((text) => expect.stringContaining(text)));
    expect(warnings).toEqual([]);
    expectLogits(model, 'plain');
  });

  const marks = [/^(visual_bert\.)?embeddings\.visual_projection\.weight$/];
  test.each([
    ['_forward_module.module.', 'Lightning Fabric over DeepSpeed'],
    ['_fsdp_wrapped_module._checkpoint_wrapped_module._orig_mod.', 'FSDP over checkpointing over compiling'],
    ['_fsdp_wrapped_module._fpw_module.', 'FairScale'],
    ['model.', 'LightningModule'],
    ['algorithm.student.', 'an attribute of an attribute'],
  ])('%s (%s) is taken off', (prefix) => {
    const names = ['visual_bert.embeddings.visual_projection.weight', 'visual_bert.pooler.dense.bias', 'cls.weight'];
    const keys = names.map((name) => prefix + name);
    expect([...unwrapKeys('x', [...keys, 'loss.weight'], marks).nameOf.values()]).toEqual([...names, 'loss.weight']);
  });

  test('a file with two models names both; a key that occurs with and without wrapper is an error', () => {
    const name = 'visual_bert.embeddings.visual_projection.weight';
    expect(() => unwrapKeys('x', [`model.${name}`, `ema.${name}`], marks)).toThrow(
      /several models, under model\., ema\.;/,
    );
    expect(() => unwrapKeys('x', [`module.${name}`, name], marks)).toThrow(/both mean visual_bert\.embeddings/);
    const beside = unwrapKeys('x', [name, `ema.${name}`], marks);
    expect([...beside.nameOf.values()]).toEqual([name, `ema.${name}`]);
  });
});

describe('LoRA adapters', () => {
  test.each(['lora', 'lora-saved', 'lora-words'])('%s merged onto its base gives the logits of peft', async (name) => {
    const model = await load(name, { base: `${FOLDER}/lora-base` });
    expect(model.loadingReport).toMatchObject({ missingKeys: [], unexpectedKeys: [] });
    expect(model.loadingReport?.notes).toEqual([expect.stringMatching(/adapter .* was merged onto .*lora-base/)]);
    expectLogits(model, name);
  });

  test.each(['lora', 'lora/adapter_model.safetensors'])('%s without its base is named as what it is', async (name) => {
    await expect(load(name)).rejects.toThrow(CheckpointError);
    const { config } = await load('lora-base');
    await expect(load(name, { config })).rejects.toThrow(/a PEFT adapter \(LORA\).*not a model: .*\{ base \}/);
  });

  test('an adapter of another kind, another base, and a base without adapter are errors', async () => {
    const base = `${FOLDER}/lora-base`;
    await expect(load('dora', { base })).rejects.toThrow(/type LORA with use_dora; only plain LoRA can be merged/);
    const { config } = await load('lora-base');
    await expect(load('lora', { config, base: 'test/fixtures/checkpoints/authors-vqa.th' })).rejects.toThrow(
      /changes no tensor of the base/,
    );
    await expect(load('lora-base', { base })).rejects.toThrow(/has no adapter_config\.json; base is for LoRA/);
    const other = join(scratch, 'ia3');
    cpSync(`${FOLDER}/lora`, other, { recursive: true });
    writeFileSync(join(other, 'adapter_config.json'), '{"peft_type": "IA3"}');
    await expect(load(other, { base })).rejects.toThrow(/adapter of type IA3; only plain LoRA can be merged/);
  });

  test('an adapter next to the whole model is not merged silently', async () => {
    const both = join(scratch, 'both');
    cpSync(`${FOLDER}/lora-base`, both, { recursive: true });
    cpSync(`${FOLDER}/lora`, both, { recursive: true });
    const model = await load(both);
    expect(model.loadingReport?.notes).toEqual([expect.stringMatching(/holds a PEFT adapter next to the model/)]);
    expectLogits(model, 'plain');
    expectLogits(await load(both, { base: both }), 'lora');
  });
});

describe('integer weights', () => {
  test("bitsandbytes' int8 is read with its scales, as bitsandbytes itself dequantises", async () => {
    const model = await load('int8');
    expect(model.loadingReport).toMatchObject({ missingKeys: [], unexpectedKeys: [] });
    expect(model.loadingReport?.notes).toEqual([expect.stringMatching(/bitsandbytes to 8 bits/)]);
    expect(model.config.extra).not.toHaveProperty('quantization_config');
    expectLogits(model, 'int8');
  });

  test('int8 without scales, four bits and other methods are refused by name', async () => {
    await expect(load('int8-bare')).rejects.toThrow(
      /12 weights are stored as integers \(.*weight I8.*without their scales/,
    );
    const folder = join(scratch, 'methods');
    cpSync(`${FOLDER}/int8`, folder, { recursive: true });
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as object;
    for (const [quantization, reason] of [
      [{ load_in_4bit: true, quant_method: 'bitsandbytes' }, /bitsandbytes with 4 bits/],
      [{ quant_method: 'gptq', bits: 4 }, /quantization_config says gptq/],
      [{ quant_method: 'torchao' }, /quantization_config says torchao/],
      ['int8', /quantization_config says unknown/],
    ] as const) {
      writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, quantization_config: quantization }));
      await expect(load(folder)).rejects.toThrow(reason);
    }
  });

  test.each<[string, RegExp, (bytes: Buffer, header: string, scales: { key: string; at: number }) => void]>([
    [
      'NaN',
      /SCB holds NaN; the scales of .*weight are damaged/,
      (bytes, _, { at }) => void bytes.writeFloatLE(NaN, at),
    ],
    [
      'integers',
      /has scales I32 \[\d+\] \(.*SCB\); expected one float per row/,
      (bytes, header, { key }) => {
        const entry = header.indexOf('F32', header.indexOf(`"${key}"`));
        bytes.write('I32', 8 + entry);
      },
    ],
  ])('scales that are %s are refused, not multiplied by', async (name, reason, damage) => {
    const folder = join(scratch, name);
    cpSync(`${FOLDER}/int8`, folder, { recursive: true });
    const bytes = readFileSync(join(folder, 'model.safetensors'));
    const end = 8 + Number(bytes.readBigUInt64LE(0));
    const header = bytes.toString('utf8', 8, end);
    const tensors = JSON.parse(header) as Record<string, { data_offsets: [number, number] }>;
    const [key = '', tensor] = Object.entries(tensors).find(([one]) => one.endsWith('SCB')) ?? [];
    damage(bytes, header, { key, at: end + (tensor?.data_offsets[0] ?? 0) });
    writeFileSync(join(folder, 'model.safetensors'), bytes);
    await expect(load(folder)).rejects.toThrow(reason);
  });
});

describe('keys that hold no tensor', () => {
  test.each([
    ['text-key', /key "cls\.weight" holds text, expected a tensor/],
    ['none-key', /key "cls\.weight" holds None, expected a tensor/],
  ])('%s is named', async (name, reason) => {
    await expect(load(name)).rejects.toThrow(reason);
  });

  test('one next to the parameters is a note', async () => {
    const model = await load('number-key');
    expect(model.loadingReport?.notes).toEqual(['keys without a tensor: epoch (a number)']);
    expectLogits(model, 'plain');
  });
});

describe('parameters that the file does not fill', () => {
  test('are warned of once, with counts and the likely reason', async () => {
    const { config } = await load('lora-base');
    for (let i = 0; i < 2; i++) (await load('lora-unmerged', { config })).dispose();
    expect(warnings).toEqual([
      expect.stringMatching(
        /8 of 45 parameters are not in .*lora-unmerged and have random values: .*LoRA adapter that was not merged/,
      ),
    ]);
    (await load('lora-unmerged', { config: config.with({ hiddenDropoutProb: 0 }), allowFreshWeights: true })).dispose();
    expect(warnings).toHaveLength(1);
  });

  test('a folder of the name of a weights file is an error that says so', async () => {
    const folder = join(scratch, 'folder');
    cpSync(`${FOLDER}/lora-base`, folder, { recursive: true });
    rmSync(join(folder, 'model.safetensors'));
    mkdirSync(join(folder, 'model.safetensors'));
    await expect(load(folder)).rejects.toThrow(CheckpointError);
    await expect(load(folder)).rejects.toThrow(/model\.safetensors.*(file|folder)/);
  });

  test('for a checkpoint of another class the missing parts are named', async () => {
    const model = await VisualBertForPreTraining.fromPretrained(`${FOLDER}/lora-base`);
    expect(warnings[0]).toMatch(/7 of \d+ parameters .*cls\.predictions.*a checkpoint of another class/);
    model.dispose();
  });

  test.each<[string, string[], string[], RegExp]>([
    ['FSDP', ['cls.weight'], ['_fsdp_wrapped_module._flat_param'], /FSDP saved its flattened shards/],
    ['a wrapper', ['cls.weight'], ['cls._orig_mod.weight'], /"_orig_mod\." of torch\.compile/],
    [
      'checkpointing',
      ['a'],
      ['encoder.layer.0._checkpoint_wrapped_module.x'],
      /_checkpoint_wrapped_module\." of activation/,
    ],
    ['LoRA', ['cls.weight'], ['x.query.lora_A.default.weight'], /not merged/],
    ['quantised', ['x.weight'], ['x.qweight'], /quantised/],
    ['parametrised', ['x.weight'], ['x.weight_g'], /parametrised/],
    ['pre-training', ['cls.weight', 'cls.bias'], ['cls.predictions.bias'], /a pre-training checkpoint/],
    ['another head', ['cls.weight'], ['attention.query.weight'], /of another class/],
    ['no head', ['cls.weight', 'cls.bias'], [], /without a head/],
    ['no pooler', ['visual_bert.pooler.dense.weight'], [], /without its pooling layer/],
    ['no regions', ['visual_bert.embeddings.visual_projection.weight'], [], /a plain BERT/],
    ['no layers', ['visual_bert.encoder.layer.1.output.dense.bias'], [], /some encoder layers/],
    ['other names', ['visual_bert.embeddings.LayerNorm.bias'], ['emb.ln.bias'], /other names \(emb\.ln\.bias\)/],
  ])('likelyReason names %s', (_name, missingKeys, unexpectedKeys, reason) => {
    expect(likelyReason({ missingKeys, unexpectedKeys })).toMatch(reason);
  });

  test('likelyReason has none when nothing is missing', () => {
    expect(likelyReason({ missingKeys: [], unexpectedKeys: ['x.lora_A.weight'] })).toBeNull();
  });
});
