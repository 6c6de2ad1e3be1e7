// Evaluating explanations and heads on files of own records.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { writeTsvFeatures } from '../../src/features/tools.js';
import { memorySource } from '../../src/features/wrappers.js';
import { evaluateExplanations } from '../../src/runs/evaluate-explanations.js';
import { evaluateHeads } from '../../src/runs/evaluate-heads.js';
import { evaluateRun } from '../../src/runs/evaluate.js';
import { useBackend } from '../helpers/backend.js';
import { regionsOfImage, writeCheckpoint } from '../helpers/models/pipeline-models.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const folder = temporaryFolder();
const features = join(folder, 'features.tsv');
const IMAGES = ['1', '2', '3', '4', '5'];

beforeAll(async () => {
  await useBackend();
  const images = IMAGES.map((id, i) => [id, regionsOfImage(i, 3 + i)] as const);
  await writeTsvFeatures(memorySource('images', images), features);
});

function records(name: string, record: (image: string, i: number) => object): string {
  const path = join(folder, name);
  writeFileSync(path, IMAGES.map((image, i) => JSON.stringify(record(image, i))).join('\n'));
  return path;
}

test('curves begin at the accuracy of an evaluation and end at one value for all orders', async () => {
  const model = await writeCheckpoint('VisualBertForVisualReasoning', {
    task: 'plain',
    config: { id2label: { 0: 'yes', 1: 'no' } },
  });
  const data = records('classification.jsonl', (image, i) => ({
    text: 'the dog is red',
    image,
    label: i % 2 ? 'no' : 'yes',
  }));
  const options = { task: 'classification', model, data: { data, features } };
  const { metrics } = await evaluateRun({ ...options, purpose: 'evaluate' });
  const { count, metric, curves } = await evaluateExplanations(options);
  expect([count, metric, curves.length]).toEqual([5, 'accuracy', 16]);
  for (const { accuracies } of curves) expect(accuracies[0]).toBe(metrics['accuracy']);
  expect(
    new Set(curves.filter(({ parts }) => parts === 'regions').map(({ accuracies }) => accuracies.at(-1))).size,
  ).toBe(1);
  expect((await evaluateExplanations({ ...options, limit: 2 })).count).toBe(2);
  await expect(evaluateHeads(options)).rejects.toThrow('sentences with phrases');
});

/** Sentences of two phrases, each of which lies in one region. */
function phraseRecords(): string {
  return records('grounding.jsonl', (image) => ({
    ...{ text: 'a red ball near the dog', image },
    phrases: [
      { words: [1, 2], boxes: [[0, 5, 12, 30]] },
      { words: [5, 5], boxes: [[20, 5, 32, 30]] },
    ],
  }));
}

test('of choices words of the question are removed, of phrases other words of the sentence', async () => {
  const choose = await writeCheckpoint('VisualBertForMultipleChoice', { task: 'vcr' });
  const answers = ['is red', 'is small', 'is in the hat', 'is near the dog'].map((text) => [[0], ...text.split(' ')]);
  const questions = records('vcr.jsonl', (image, i) => ({
    ...{
      annot_id: image,
      img_id: image,
      objects: Array<string>(2 + i).fill('person'),
      question: ['what', 'is', [0], 'doing', '?'],
    },
    ...{ answer_choices: answers, rationale_choices: answers, answer_label: i % 4, rationale_label: 0 },
  }));
  const chosen = await evaluateExplanations({
    task: 'vcr',
    model: choose,
    data: { data: questions, features, mode: 'answer' },
  });
  expect([chosen.metric, chosen.curves.length]).toEqual(['accuracy', 16]);

  const ground = await writeCheckpoint('VisualBertForRegionToPhraseAlignment', { task: 'flickr' });
  const options = { task: 'grounding', model: ground, data: { data: phraseRecords(), features, places: false } };
  const { metrics } = await evaluateRun({ ...options, purpose: 'evaluate' });
  const { count, metric, curves } = await evaluateExplanations(options);
  expect([count, metric, curves.length]).toEqual([5, 'R@1', 8]);
  expect(new Set(curves.map(({ parts }) => parts))).toEqual(new Set(['words']));
  for (const { accuracies } of curves) expect(accuracies[0]).toBe(metrics['R@1']);
});

test('heads are evaluated on the phrases of sentences, whatever head the checkpoint has', async () => {
  const model = await writeCheckpoint('VisualBertForPreTraining', { task: 'pretraining' });
  const data = phraseRecords();
  const { heads, baseline, phrases } = await evaluateHeads({
    task: 'grounding',
    model,
    data: { data, features, places: false },
  });
  expect([heads.length, heads[0]?.length, phrases]).toEqual([2, 4, 10]);
  expect(baseline).toEqual({ region: 0, accuracy: 0.5 }); // one phrase of each image lies in region 0, the other in region 2
  const captions = records('captions.jsonl', (image) => ({ image_id: image, caption: 'a red ball' }));
  await expect(
    evaluateExplanations({ task: 'pretraining', model, data: { captions, captionPairs: false, features } }),
  ).rejects.toThrow('evaluated on questions, statements, choices or phrases');
});
