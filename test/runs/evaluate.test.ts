// Evaluation and prediction over examples of mixed lengths, which run in another order than the file's.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { VisualBertConfig } from '../../src/config/config.js';
import { buildVocabulary } from '../../src/processing/word-vocabulary.js';
import { VisualBertForQuestionAnswering } from '../../src/models/question-answering.js';
import { VisualBertForVisualReasoning } from '../../src/models/visual-reasoning.js';
import { uniformValues } from '../../src/random/values.js';
import { evaluateRun } from '../../src/runs/evaluate.js';
import { evaluateExplanations } from '../../src/runs/evaluate-explanations.js';
import { evaluateHeads } from '../../src/runs/evaluate-heads.js';
import { useBackend } from '../helpers/backend.js';
import { npy } from '../helpers/files/numpy-files.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const folder = temporaryFolder();
const WORDS = 'what is on the table near a small dog and which of them do we see'.split(' ');
const COUNT = 8;
const text = (i: number): string => WORDS.slice(0, 1 + ((i * 7) % 15)).join(' ');
const jsonl = (name: string, record: (i: number) => object): string => {
  const path = join(folder, name);
  writeFileSync(path, Array.from({ length: COUNT }, (_, i) => JSON.stringify(record(i))).join('\n'));
  return path;
};

beforeAll(async () => {
  await useBackend();
  for (let i = 0; i < COUNT; i++) {
    const regions = 1 + ((i * 5) % 17);
    writeFileSync(
      join(folder, `${i}.npy`),
      npy(
        uniformValues(regions * 4, i, 0, 1).map((x) => 9 * x - 4.5),
        [regions, 4],
      ),
    );
  }
  const vocabulary = buildVocabulary([WORDS.join(' ')]);
  const labels = { 0: 'ant', 1: 'bee', 2: 'cow' };
  const sizes = { hiddenSize: 12, numHiddenLayers: 2, numAttentionHeads: 4, intermediateSize: 9 };
  const widths = { vocabSize: vocabulary.length, visualEmbeddingDim: 4, maxPositionEmbeddings: 64 };
  const config = new VisualBertConfig({ ...sizes, ...widths, initializerRange: 0.8, id2label: labels });
  for (const [name, Model] of [
    ['answering', VisualBertForQuestionAnswering],
    ['classification', VisualBertForVisualReasoning],
  ] as const) {
    const model = new Model(config, { seed: 3 });
    await model.savePretrained(join(folder, name));
    writeFileSync(join(folder, name, 'vocab.txt'), vocabulary.join('\n'));
    model.dispose();
  }
});

const predict = async (task: string, data: string, batchSize: number): Promise<Record<string, unknown>[]> => {
  const output = join(folder, `${task}-${batchSize}.jsonl`);
  const { count } = await evaluateRun({
    ...{ task, model: join(folder, task), data: { data, features: folder }, purpose: 'predict', batchSize, output },
  });
  expect(count).toBe(COUNT);
  const lines = readFileSync(output, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
};

test('predictions stand in the order of the file, and are those of each question alone', async () => {
  const data = jsonl('questions.jsonl', (i) => ({ id: `q${i}`, question: text(i), image: i }));
  const [together, alone] = [await predict('answering', data, 4), await predict('answering', data, 1)];
  expect(together.map(({ id }) => id)).toEqual(Array.from({ length: COUNT }, (_, i) => `q${i}`));
  expect(new Set(together.map(({ answer }) => answer)).size).toBeGreaterThan(1);
  expect(together).toEqual(alone);
});

test('classes and their scores do as well', async () => {
  const data = jsonl('texts.jsonl', (i) => ({ id: `t${i}`, text: text(i), image: i }));
  const [together, alone] = [await predict('classification', data, 4), await predict('classification', data, 1)];
  expect(together.map(({ id }) => id)).toEqual(Array.from({ length: COUNT }, (_, i) => `t${i}`));
  together.forEach(({ scores }, i) => {
    for (const [label, score] of Object.entries(scores as Record<string, number>))
      expect(score).toBeCloseTo((alone[i]?.['scores'] as Record<string, number>)[label] ?? NaN, 4);
  });
});

test.each([0, -1, 1.5, NaN])('a batch of %p examples is refused before anything is read', async (batchSize) => {
  const options = { task: 'flickr', model: 'nowhere', data: {}, batchSize };
  const evaluate = (): Promise<unknown> => evaluateRun({ ...options, purpose: 'predict' });
  for (const run of [evaluate, () => evaluateExplanations(options), () => evaluateHeads(options)])
    await expect(run()).rejects.toThrow(`batchSize: expected a whole number of at least 1, received ${batchSize}`);
});
