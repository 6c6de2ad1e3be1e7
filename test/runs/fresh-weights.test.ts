// Commands that predict reject a model that lacks parameters, since its answers would be random.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { VisualBertConfig } from '../../src/config/config.js';
import { setLogger } from '../../src/logger.js';
import { VisualBertModel } from '../../src/models/visual-bert-model.js';
import { buildVocabulary } from '../../src/processing/word-vocabulary.js';
import { evaluateExplanations } from '../../src/runs/evaluate-explanations.js';
import { evaluateRun } from '../../src/runs/evaluate.js';
import { openOneInput } from '../../src/runs/one-input.js';
import { useBackend } from '../helpers/backend.js';
import { writeFeatureFolder } from '../helpers/files/numpy-files.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const folder = temporaryFolder();
const model = join(folder, 'model');
const data = { data: join(folder, 'data.jsonl'), features: writeFeatureFolder(join(folder, 'features'), ['1'], 3, 4) };
const warnings: string[] = [];
setLogger({ info: () => undefined, warn: (message) => void warnings.push(message) });

beforeAll(async () => {
  await useBackend();
  const vocabulary = buildVocabulary(['what is it']);
  const sizes = {
    hiddenSize: 12,
    numHiddenLayers: 1,
    numAttentionHeads: 4,
    intermediateSize: 9,
    visualEmbeddingDim: 4,
  };
  const config = new VisualBertConfig({ ...sizes, vocabSize: vocabulary.length, id2label: { 0: 'dog', 1: 'cat' } });
  const body = new VisualBertModel(config, { seed: 1 });
  await body.savePretrained(model);
  body.dispose();
  writeFileSync(join(model, 'vocab.txt'), vocabulary.join('\n'));
  // The head is in config.json alone.
  const json = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8')) as Record<string, unknown>;
  json['architectures'] = ['VisualBertForQuestionAnswering'];
  writeFileSync(join(model, 'config.json'), JSON.stringify(json));
  writeFileSync(data.data, '{"id": "a", "question": "what is it", "image": "1", "answers": ["dog"]}\n');
});
afterAll(() => {
  setLogger(null);
});

const REFUSAL =
  /2 of \d+ parameters are not in .*: cls\.(weight|bias), cls\.(weight|bias)\. Likely reason: a checkpoint without a head/;

test('evaluate names the parameters and the likely reason', async () => {
  const options = { task: 'answering', model, data };
  await expect(evaluateRun({ ...options, purpose: 'evaluate' })).rejects.toThrow(REFUSAL);
  await expect(evaluateRun({ ...options, purpose: 'predict' })).rejects.toThrow(/allowFreshWeights continues/);
  await expect(evaluateExplanations(options)).rejects.toThrow(REFUSAL);
  expect(warnings).toEqual([]);
});

test('so does a single question; with allowFreshWeights it is answered after a warning', async () => {
  const options = { model, text: 'what is it', features: data.features, images: ['1'], compile: false };
  await expect(openOneInput(options)).rejects.toThrow(REFUSAL);
  expect(warnings).toEqual([]);
  const opened = await openOneInput({ ...options, allowFreshWeights: true });
  expect(opened.task).toBe('visual-question-answering');
  await opened.close();
  await evaluateRun({ task: 'answering', model, data, purpose: 'evaluate', allowFreshWeights: true });
  expect(warnings).toEqual([expect.stringMatching(REFUSAL)]); // once for both
  expect(warnings[0]).toMatch(/Train them before you use the model's answers\.$/);
});
