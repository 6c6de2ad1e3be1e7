// `visualbert predict` on files without labels: the files of the evaluation servers.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { predictionOptions } from '../../src/runs/settings.js';
import { writeFeatureFolder } from '../helpers/files/numpy-files.js';
import { COMMAND, visualbert } from '../helpers/command-line/command.js';
import { writeNlvrFiles } from '../helpers/command-line/nlvr-files.js';

const isBuilt = existsSync(COMMAND);
if (!isBuilt) process.stderr.write(`skipped: ${COMMAND} is not built (npm run build)\n`);

test('of a run, only how examples are made goes over to other examples', () => {
  const data = {
    questions: ['train.json'],
    annotations: ['a.json'],
    validationQuestions: ['val.json'],
    validationAnnotations: ['b.json'],
    features: ['train/'],
    validationFeatures: ['val/'],
    vocabulary: 'vocab.txt',
    maxRegions: 36,
    look: 'form',
  };
  expect(predictionOptions(data)).toEqual({ features: ['val/'], maxRegions: 36, look: 'form' });
});

(isBuilt ? describe : describe.skip)('visualbert predict --output', () => {
  jest.setTimeout(240_000); // several processes, on machines that may be busy

  const small = ['--backend', 'cpu', '--batch-size', '4', '--max-steps', '2', '--learning-rate', '1e-3'];

  test('answers unlabelled questions for the server of VQA', async () => {
    const { folder, modelConfig } = writeNlvrFiles();
    const features = writeFeatureFolder(join(folder, 'features'), ['1', '2', '3'], 3, 4);
    const json = (name: string, value: unknown): string => {
      writeFileSync(join(folder, name), JSON.stringify(value));
      return join(folder, name);
    };
    const asked = [1, 2].map((id) => ({ question_id: id, image_id: id, question: 'What is it?' }));
    const answered = [1, 2].map((id) => ({
      question_id: id,
      image_id: id,
      answers: [{ answer: id === 1 ? 'dog' : 'cat' }],
    }));
    const [run, output] = [join(folder, 'run'), join(folder, 'result.json')];
    const trained = await visualbert([
      ...['train', 'vqa', ...small, '--model-config', modelConfig, '--output-dir', run, '--minimum-answer-count', '1'],
      ...['--questions', json('q.json', { questions: asked })],
      ...['--annotations', json('a.json', { annotations: answered }), '--features', features],
    ]);
    expect(trained).toMatchObject({ code: 0 });
    const held = [7, 5, 6].map((id, i) => ({ question_id: id, image_id: i + 1, question: 'Is it there?' }));
    const questions = json('test.json', { questions: held });
    const predicted = await visualbert([
      'predict',
      '--backend',
      'cpu',
      '--run',
      run,
      '--questions',
      questions,
      '--output',
      output,
    ]);
    expect(predicted).toMatchObject({ code: 0, stdout: `3 predictions: ${output}\n` });
    const results = JSON.parse(readFileSync(output, 'utf8')) as { question_id: number; answer: string }[];
    expect(results.map(({ question_id: id }) => id)).toEqual([7, 5, 6]);
    for (const { answer } of results) expect(['dog', 'cat']).toContain(answer);

    const neither = await visualbert(['predict', '--run', run, '--features', features]);
    expect(neither).toMatchObject({ code: 1 });
    expect(neither.stderr).toMatch(/either a question \(--question TEXT\), or a file for the predictions/);
  });

  test('judges unlabelled statements: the same predictions as with their labels', async () => {
    const files = writeNlvrFiles();
    const [run, bare] = [join(files.folder, 'run'), join(files.folder, 'bare.json')];
    const paths = ['--data', files.train, '--validation-data', files.validation];
    const trained = await visualbert([
      'train',
      'nlvr',
      ...small,
      '--model-config',
      files.modelConfig,
      '--output-dir',
      run,
      ...paths,
    ]);
    expect(trained).toMatchObject({ code: 0 });
    const lines = readFileSync(files.validation, 'utf8').trim().split('\n');
    const unlabelled = lines.map((line) => JSON.stringify({ ...(JSON.parse(line) as object), label: undefined }));
    writeFileSync(bare, unlabelled.join('\n'));
    const [labelled, blind] = [join(files.folder, 'labelled.csv'), join(files.folder, 'blind.csv')];
    await visualbert(['evaluate', '--backend', 'cpu', '--run', run, '--output', labelled]);
    await visualbert(['predict', '--backend', 'cpu', '--run', run, '--data', bare, '--output', blind]);
    expect(readFileSync(blind, 'utf8')).toBe(readFileSync(labelled, 'utf8'));
    expect(readFileSync(blind, 'utf8').trim().split('\n')).toHaveLength(8);
  });
});
