// A run folder stores the detector of its training features, and commands warn if features are of another one.
import { memorySource } from '../../src/features/wrappers.js';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { StoredDetector } from '../../src/features/detector-identity.js';
import { packFeatures } from '../../src/features/store/pack.js';
import { openFeatureStore } from '../../src/features/store/read.js';
import { setLogger } from '../../src/logger.js';
import { pipeline } from '../../src/pipelines/node-pipeline.js';
import { readTrainedDetector } from '../../src/processing/load-processor.js';
import { evaluateRun } from '../../src/runs/evaluate.js';
import { openOneInput } from '../../src/runs/one-input.js';
import { openTrainRun } from '../../src/runs/train.js';
import { useBackend } from '../helpers/backend.js';
import { regionsOfImage } from '../helpers/models/pipeline-models.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const folder = temporaryFolder();
const write = (name: string, content: unknown): string => {
  writeFileSync(join(folder, name), JSON.stringify(content));
  return join(folder, name);
};
const questions = write('q.json', {
  questions: [1, 2].map((id) => ({ question_id: id, image_id: id, question: 'What is it?' })),
});
const annotations = write('a.json', {
  annotations: [1, 2].map((id) => ({ question_id: id, image_id: id, answers: [{ answer: id === 1 ? 'dog' : 'cat' }] })),
});
const run = join(folder, 'run');
const [MMF, VG]: StoredDetector[] = [
  { name: 'mmf-x101', weights: 'a'.repeat(64), settings: { classes: 9 } },
  { name: 'vg-r101-c4', weights: 'b'.repeat(64), settings: { classes: 11 } },
];
const warnings: string[] = [];

/** Collects warnings; texts that were given before count again. */
function listen(): void {
  warnings.splice(0);
  setLogger({ info: () => undefined, warn: (message) => warnings.push(message) });
}

async function store(name: string, detector: StoredDetector | undefined): Promise<string> {
  const path = join(folder, name);
  const images = [1, 2].map((id) => [String(id), regionsOfImage(id)] as const);
  await packFeatures({ ...memorySource(name, images), detector }, path);
  return path;
}

beforeAll(async () => {
  await useBackend();
  listen();
  await Promise.all([store('mmf.vbf', MMF), store('vg.vbf', VG), store('unsaid.vbf', undefined)]);
  const sizes = { hiddenSize: 12, numHiddenLayers: 1, numAttentionHeads: 4, intermediateSize: 9 };
  const started = await openTrainRun({
    ...{ task: 'vqa', model: null, modelConfig: sizes },
    data: { questions, annotations, features: join(folder, 'mmf.vbf'), minimumAnswerCount: 1 },
    arguments: { outputDir: run, maxSteps: 1, batchSize: 2, compile: false },
  });
  await started.trainer.train();
  await started.close();
});
beforeEach(listen);
afterAll(() => {
  setLogger(null);
});

const data = (features: string): Record<string, unknown> => ({
  questions,
  annotations,
  features: join(folder, features),
});
const aboutVg = [expect.stringMatching(/vg\.vbf: regions of vg-r101-c4 .* trained with those of mmf-x101/)];

test('a run remembers the detector of its features, without its settings', async () => {
  expect(warnings).toEqual([]);
  const settings = JSON.parse(readFileSync(join(run, 'processor_config.json'), 'utf8')) as object;
  expect(settings).toMatchObject({ detector: { name: 'mmf-x101', weights: 'a'.repeat(64) } });
  expect(await readTrainedDetector(run)).toEqual({ name: 'mmf-x101', weights: 'a'.repeat(64) });
});

test.each([
  ['mmf.vbf', []],
  ['unsaid.vbf', []],
  ['vg.vbf', aboutVg],
])('evaluation, prediction and training with %s warn where they should', async (features, expected) => {
  listen();
  await evaluateRun({ task: 'vqa', model: run, data: data(features), purpose: 'evaluate' });
  expect(warnings).toEqual(expected);
  await evaluateRun({ task: 'vqa', model: run, data: data(features), purpose: 'predict' });
  expect(warnings).toEqual(expected); // once
  listen();
  const opened = await openTrainRun({
    ...{ task: 'vqa', model: run, data: { ...data(features), minimumAnswerCount: 1 } },
    arguments: { outputDir: join(folder, 'second') },
  });
  await opened.close();
  expect(warnings).toEqual(expected);
});

test('questions about one image warn too, by a pipeline and by the command', async () => {
  const vg = await openFeatureStore(join(folder, 'vg.vbf'));
  const ask = await pipeline('visual-question-answering', run, { compile: false });
  await ask({ question: 'What is it?', regions: { source: vg, image: '1' } });
  expect(warnings).toEqual(aboutVg);
  await ask.dispose();
  await vg.close();
  listen();
  const opened = await openOneInput({
    ...{ model: run, text: 'What is it?', features: join(folder, 'vg.vbf'), images: ['1'], compile: false },
  });
  await opened.close();
  expect(warnings).toEqual(aboutVg);
});
