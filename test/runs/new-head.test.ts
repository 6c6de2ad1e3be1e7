// The initial head of a run: the checkpoint's if its classes are those of the data, else a new one.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from '@jest/globals';
import { VisualBertConfig } from '../../src/config/config.js';
import { VisualBertForQuestionAnswering } from '../../src/models/question-answering.js';
import { buildVocabulary } from '../../src/processing/word-vocabulary.js';
import { createRunModel } from '../../src/runs/model-classes.js';
import { openTrainRun } from '../../src/runs/train.js';
import { openTask } from '../../src/tasks/open-task.js';
import { useBackend } from '../helpers/backend.js';
import { writeFeatureFolder } from '../helpers/files/numpy-files.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const folder = temporaryFolder();
const unnamed = join(folder, 'unnamed');
const write = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const answers = ['<unk>', 'dog', 'cat'];
const sizes = { hiddenSize: 12, numHiddenLayers: 1, numAttentionHeads: 4, intermediateSize: 9, visualEmbeddingDim: 4 };
const id2label = (names: readonly string[]): Record<number, string> => Object.fromEntries(names.entries());
let head: Float32Array;

beforeAll(async () => {
  await useBackend();
  const vocabulary = buildVocabulary(['what is it']);
  const config = new VisualBertConfig({ ...sizes, vocabSize: vocabulary.length, numLabels: 3 });
  const model = new VisualBertForQuestionAnswering(config, { seed: 1 });
  head = model.namedParameters().get('cls.weight')?.dataSync() as Float32Array;
  await model.savePretrained(unnamed);
  model.dispose();
  write('unnamed/vocab.txt', vocabulary.join('\n'));
});

/** The data of two questions. */
function twoQuestions(options: Record<string, unknown>): Record<string, unknown> {
  const questions = { questions: [1, 2].map((id) => ({ question_id: id, image_id: id, question: 'What is it?' })) };
  const annotations = { annotations: [1, 2].map((id) => ({ question_id: id, answers: [{ answer: answers[id] }] })) };
  return {
    questions: write('q.json', JSON.stringify(questions)),
    annotations: write('a.json', JSON.stringify(annotations)),
    features: writeFeatureFolder(join(folder, 'features'), ['1', '2'], 3, 4),
    minimumAnswerCount: 1,
    ...options,
  };
}

/** What `train vqa` starts from: its plan, and whether the head is that of the checkpoint. */
async function start(
  options: Record<string, unknown>,
): Promise<{ newHead: unknown; isKept: boolean; labels: Readonly<Record<number, string>> }> {
  const data = twoQuestions(options);
  const run = await openTrainRun({ task: 'vqa', model: unnamed, data, arguments: { outputDir: join(folder, 'run') } });
  await run.close();
  const opened = await openTask('vqa', data, { purpose: 'train', model: unnamed });
  const { architecture, config: dataConfig, hasGivenClasses = false } = opened;
  const model = await createRunModel({ architecture, model: unnamed, dataConfig, hasGivenClasses, seed: 0, allowFreshWeights: true }); // prettier-ignore
  const weight = model.namedParameters().get('cls.weight')?.dataSync();
  const { id2label: labels } = model.config;
  await opened.close();
  model.dispose();
  return { newHead: run.newHead, isKept: JSON.stringify(weight) === JSON.stringify(head), labels };
}

test('classes without names give way to those of the data, also where these are as many', async () => {
  expect(await start({})).toEqual({ newHead: { classes: 3, before: 3 }, isKept: false, labels: id2label(answers) });
});

test('a list of as many answers keeps the head and names its classes', async () => {
  const list = ['<unk>', 'cat', 'dog'];
  expect(await start({ answers: write('three.txt', list.join('\n')) })).toEqual({
    newHead: null,
    isKept: true,
    labels: id2label(list),
  });
});

test('a list of other answers than the head has classes makes a new head', async () => {
  const list = [...answers, 'bird'];
  const { newHead, isKept } = await start({ answers: write('four.txt', list.join('\n')) });
  expect({ newHead, isKept }).toEqual({ newHead: { classes: 4, before: 3 }, isKept: false });
});

test('a head with other names is replaced, one with the same names kept', async () => {
  const named = join(folder, 'named');
  const config = new VisualBertConfig({ ...sizes, vocabSize: 9, id2label: id2label(answers) });
  const saved = new VisualBertForQuestionAnswering(config, { seed: 1 });
  await saved.savePretrained(named);
  saved.dispose();
  const replaced = async (names: readonly string[]): Promise<string[]> => {
    const dataConfig = { id2label: id2label(names) };
    const architecture = 'VisualBertForQuestionAnswering' as const;
    const options = { architecture, model: named, dataConfig, hasGivenClasses: true, seed: 0, allowFreshWeights: true };
    const model = await createRunModel(options);
    const keys = model.loadingReport?.mismatchedKeys.map(({ key }) => key).sort() ?? [];
    model.dispose();
    return keys;
  };
  expect(await replaced(answers)).toEqual([]);
  expect(await replaced(['a', 'b', 'c'])).toEqual(['cls.bias', 'cls.weight']);
});

test('a run that cannot be opened frees its model', async () => {
  const settings = {
    task: 'vqa' as const,
    model: unnamed,
    data: twoQuestions({}),
    arguments: { outputDir: join(folder, 'other') },
  };
  const before = tf.memory().numTensors;
  await expect(openTrainRun(settings, { callback: [] } as object)).rejects.toThrow(
    /^Trainer: unknown callback; known: model, task, train, /,
  );
  expect(tf.memory().numTensors).toBe(before);
});
