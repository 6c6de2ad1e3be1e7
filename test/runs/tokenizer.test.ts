// A run keeps the tokenizer of its initial model: every file that affects ids is copied to its folder.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { VisualBertConfig } from '../../src/config/config.js';
import { VisualBertForVisualReasoning } from '../../src/models/visual-reasoning.js';
import { readDefinition } from '../../src/platform/tokenizers/tokenizer-definition.js';
import { uniformValues } from '../../src/random/values.js';
import { evaluateRun } from '../../src/runs/evaluate.js';
import { openTrainRun } from '../../src/runs/train.js';
import { useBackend } from '../helpers/backend.js';
import { npy } from '../helpers/files/numpy-files.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const folder = temporaryFolder();
beforeAll(() => useBackend());

const TEXTS = ['É cat', 'e Cat <loc1>', 'Fluffy cat é', '<loc1> fluffy', 'Cat É E', 'e e e'];
const PIECES = '[PAD] [UNK] [CLS] [SEP] [MASK] cat Cat e é E É'.split(' ');

/** A cased model with accents and added tokens, whose words are in a tokenizer.json. */
async function writeModel(): Promise<string> {
  const model = join(folder, 'model');
  const sizes = { hiddenSize: 12, numHiddenLayers: 2, numAttentionHeads: 4, intermediateSize: 9 };
  const tables = { vocabSize: PIECES.length + 2, visualEmbeddingDim: 4, maxPositionEmbeddings: 16 };
  const made = new VisualBertForVisualReasoning(
    new VisualBertConfig({ ...sizes, ...tables, initializerRange: 0.8, id2label: { 0: 'a', 1: 'b' } }),
    { seed: 3 },
  );
  await made.savePretrained(model);
  made.dispose();
  const files = {
    'tokenizer_config.json': '{"do_lower_case":false,  "strip_accents": false}',
    'special_tokens_map.json': '{"unk_token":  "[UNK]"}',
    'added_tokens.json': `{"<loc1>": ${PIECES.length}, "Fluffy": ${PIECES.length + 1}}`,
  };
  const { json } = readDefinition({ ...files, 'vocab.txt': PIECES.join('\n') });
  for (const [file, text] of Object.entries({
    ...files,
    'tokenizer.json': JSON.stringify({ ...json, added_tokens: [] }),
  }))
    writeFileSync(join(model, file), text);
  return model;
}

test('evaluation of a run gives the loss that training logged, from the same tokenizer files', async () => {
  const model = await writeModel();
  const [features, data, outputDir] = [join(folder, 'features'), join(folder, 'data.jsonl'), join(folder, 'run')];
  mkdirSync(features);
  TEXTS.forEach((_, i) => writeFileSync(join(features, `${i}.npy`), npy(uniformValues(12, i, 0, 1), [3, 4])));
  const records = TEXTS.map((text, i) => ({ id: `${i}`, text, image: `${i}`, label: i % 2 === 0 ? 'a' : 'b' }));
  writeFileSync(data, records.map((record) => JSON.stringify(record)).join('\n'));
  const run = await openTrainRun({
    task: 'classification',
    model,
    data: { data, validationData: data, features },
    arguments: { outputDir, batchSize: 2, maxSteps: 3, learningRate: 1e-3 },
  });
  try {
    await run.trainer.train();
  } finally {
    await run.close();
  }
  for (const file of ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json'])
    expect(readFileSync(join(outputDir, file))).toEqual(readFileSync(join(model, file)));
  const said = readFileSync(join(outputDir, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event?: string; loss?: number })
    .filter(({ event }) => event === 'evaluate');
  const options = { task: 'classification', model: outputDir, data: { data, features }, purpose: 'evaluate' } as const;
  const { metrics } = await evaluateRun(options);
  expect(said.map(({ loss }) => loss)).toEqual([expect.closeTo(metrics['loss'] ?? NaN, 5)]);
});
