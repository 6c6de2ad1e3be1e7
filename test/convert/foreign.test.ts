// Converting files of other programs: wrapped keys, adapters, 8 bits, and RoBERTa's relatives, against transformers' own values.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { convertCheckpoint } from '../../src/convert/convert.js';
import type { ConvertOptions } from '../../src/convert/options.js';
import { inspectCheckpoint } from '../../src/convert/inspect.js';
import { setLogger } from '../../src/logger.js';
import { VisualBertForPreTraining } from '../../src/models/pre-training.js';
import { VisualBertModel } from '../../src/models/visual-bert-model.js';
import { VisualBertForVisualReasoning } from '../../src/models/visual-reasoning.js';
import { useBackend } from '../helpers/backend.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const FOLDER = 'test/fixtures/foreign';
const expected = JSON.parse(readFileSync(`${FOLDER}/expected.json`, 'utf8')) as Record<string, unknown>;

let scratch: string;
beforeAll(async () => {
  await useBackend();
  setLogger({ info: () => undefined, warn: () => undefined }); // what a text model lacks is expected here
  scratch = temporaryFolder();
});
afterAll(() => {
  setLogger(null);
});

async function convert(
  source: string,
  options: Omit<ConvertOptions, 'outDir'> = {},
): Promise<{ outDir: string } & Awaited<ReturnType<typeof convertCheckpoint>>> {
  const outDir = join(scratch, `${source.replace(/\W/g, '-')}-${Object.keys(options).join('-')}`);
  return {
    outDir,
    ...(await convertCheckpoint(source.startsWith('/') ? source : `${FOLDER}/${source}`, { outDir, ...options })),
  };
}

/** Largest difference of two lists of numbers, however nested. */
function difference(got: tf.Tensor, want: unknown): number {
  const [a, b] = [Array.from(got.dataSync()), (want as number[][]).flat(9) as number[]];
  expect(a).toHaveLength(b.length);
  return Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? NaN))));
}

describe('convertCheckpoint of what other programs leave', () => {
  test.each([
    ['compiled-parallel', 'plain', {}, 2],
    ['checkpointed-layers', 'plain', {}, 2],
    ['averaged', 'plain', {}, 1],
    ['lightning/epoch.ckpt', 'plain', { allowIncomplete: true }, 2], // the buffer of the LightningModule has no place
    ['int8', 'int8', {}, 0],
    ['lora-saved', 'lora-saved', { base: `${FOLDER}/lora-base` }, 0],
  ])('%s has the logits of its own program', async (source, values, options, wrappers) => {
    const report = await convert(source, options);
    expect(report.wrappers).toHaveLength(wrappers);
    expect(report.missing).toEqual([]);
    const config = JSON.parse(readFileSync(join(report.outDir, 'config.json'), 'utf8')) as object;
    expect(config).not.toHaveProperty('quantization_config');
    const model = await VisualBertForVisualReasoning.fromPretrained(report.outDir);
    const { input_ids, attention_mask, visual_embeds } = expected['inputs'] as Record<string, number[][]>;
    const { logits } = model.forward({
      inputIds: input_ids ?? [],
      attentionMask: attention_mask ?? [],
      visualEmbeds: tf.tensor3d(visual_embeds as unknown as number[][][]),
    });
    expect(difference(logits, expected[values])).toBeLessThan(1e-5);
    model.dispose();
  });

  test('names keys without a tensor, integers without scales, and an adapter without its base', async () => {
    await expect(convert('none-key')).rejects.toThrow(/key "cls\.weight" holds None, expected a tensor/);
    expect((await convert('number-key')).skipped).toEqual([{ key: 'epoch', reason: 'holds a number, not a tensor' }]);
    await expect(convert('int8-bare')).rejects.toThrow(/12 weights are stored as integers/);
    await expect(convert('lora')).rejects.toThrow(/a PEFT adapter \(LORA\).*--base/);
    expect(existsSync(join(scratch, 'none-key-'))).toBe(false);
  });

  test('refuses more layers than the file holds before it builds any', async () => {
    const folder = join(scratch, 'layers');
    cpSync(`${FOLDER}/lora-base`, folder, { recursive: true });
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as object;
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, num_hidden_layers: 999 }));
    await expect(convert(folder)).rejects.toThrow(/holds 2 encoder layers, the configuration has 999/);
    await expect(VisualBertModel.fromPretrained(folder)).rejects.toThrow(/holds 2 encoder layers/);
  });
});

describe('RoBERTa and its kin', () => {
  /** states of order 1; float32 sums in another order */
  const TOLERANCE = 1e-6;

  test.each(['roberta', 'xlm-roberta', 'camembert'])(
    '%s has the hidden states of transformers on text',
    async (name) => {
      const want = expected[name] as Record<string, number[][]>;
      const report = await convert(name, { architecture: 'VisualBertModel', allowIncomplete: true });
      expect(report.layout).toBe('roberta');
      expect(report.notes.join('\n')).toMatch(/positions of a RoBERTa begin at [24].*\n.*one token type/);
      const model = await VisualBertModel.fromPretrained(report.outDir);
      const { inputs, mask } = { inputs: want['input_ids'] ?? [], mask: want['attention_mask'] ?? [] };
      const { lastHiddenState } = model.forward({ inputIds: inputs, attentionMask: mask });
      const attended = tf.tensor2d(mask).expandDims(-1); // states of padding mean nothing, and RoBERTa gives it another position
      expect(difference(tf.mul(lastHiddenState, attended), (tf.mul(tf.tensor3d(want['last_hidden_state'] as never), attended)).arraySync())).toBeLessThan(TOLERANCE); // prettier-ignore
      const segments = model.forward({ inputIds: inputs, attentionMask: mask, tokenTypeIds: inputs.map((row) => row.map((_, i) => i % 2)) }); // prettier-ignore
      expect(difference(segments.lastHiddenState, lastHiddenState.arraySync())).toBe(0); // both types are the one it has
      model.dispose();
    },
  );

  test("CamemBERT's head for masked words becomes the pre-training head", async () => {
    const want = expected['camembert'] as Record<string, number[][]>;
    const report = await convert('camembert', { allowIncomplete: true });
    expect(report.architecture).toBe('VisualBertForPreTraining');
    const model = await VisualBertForPreTraining.fromPretrained(report.outDir);
    const { predictionLogits } = model.forward({
      inputIds: want['input_ids'] ?? [],
      attentionMask: want['attention_mask'] ?? [],
    });
    const attended = tf.tensor2d(want['attention_mask'] ?? []).expandDims(-1);
    expect(difference(tf.mul(predictionLogits, attended), tf.mul(tf.tensor3d(want['prediction_logits'] as never), attended).arraySync())).toBeLessThan(5e-6); // prettier-ignore
    model.dispose();
  });

  test('SentencePiece models need tokenizer.json for their texts', async () => {
    await expect(convert('xlm-roberta')).rejects.toThrow(/put its tokenizer\.json next to it/);
    expect((await convert('roberta')).files).toContain('model.safetensors');
    const folder = join(scratch, 'with-tokenizer');
    cpSync(`${FOLDER}/xlm-roberta`, folder, { recursive: true });
    writeFileSync(join(folder, 'tokenizer.json'), '{}');
    expect((await convert(folder)).files).toContain('tokenizer.json');
  });

  test('is recognised by its keys, or by its one token type, when config.json is not there', async () => {
    const { config } = await VisualBertModel.fromPretrained((await convert('roberta')).outDir);
    const bare = join(scratch, 'bare.safetensors');
    cpSync(`${FOLDER}/roberta/model.safetensors`, bare);
    await expect(convert(bare, { config })).rejects.toThrow(/one token type, like RoBERTa.*config\.json next to it/);
    const named = join(scratch, 'named.safetensors');
    cpSync(`${FOLDER}/camembert/model.safetensors`, named); // keys begin with roberta.
    expect((await convert(named, { config })).layout).toBe('roberta');
    expect((await inspectCheckpoint(named)).layout).toBe('roberta');
  });

  test.each([
    ['distilbert', /type "distilbert", which is not a BERT: it has no token types/],
    ['albert', /type "albert", which is not a BERT: its layers share one set/],
    ['electra', /type "electra", which is not a BERT: its embeddings/],
    ['deberta-v2', /type "deberta-v2"/],
    ['visualbert_region_detector', /is already a region detector of this package; use its folder as it is/],
    ['layoutlm', /type "layoutlm", which is not a BERT; BERT, RoBERTa/],
    ['bert', /its keys are those of a roberta, its config\.json describes a bert/],
  ])('a config.json of type %s beside it is refused by name', async (type, reason) => {
    const folder = join(scratch, `type-${type}`);
    cpSync(`${FOLDER}/camembert`, folder, { recursive: true });
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ model_type: type, hidden_size: 8 }));
    await expect(convert(folder)).rejects.toThrow(reason);
  });

  test.each([
    [
      { position_embedding_type: 'relative_key' },
      /position_embedding_type "relative_key", which is not the computation of VisualBERT/,
    ],
    [{ is_decoder: true }, /is_decoder true/],
    [{ pad_token_id: 11 }, /expected pad_token_id below the 12 rows/],
    [{ pad_token_id: 'x' }, /expected pad_token_id below the 12 rows/],
  ])('%j is refused', async (changes, reason) => {
    const folder = join(scratch, `settings-${Object.keys(changes).join()}-${Object.values(changes).join()}`);
    cpSync(`${FOLDER}/roberta`, folder, { recursive: true });
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as object;
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, ...changes }));
    await expect(convert(folder)).rejects.toThrow(reason);
  });
});
