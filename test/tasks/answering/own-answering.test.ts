// Own questions: answers of the data with their scores.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { setLogger } from '../../../src/logger.js';
import { openTask } from '../../../src/tasks/open-task.js';
import { useBackend } from '../../helpers/backend.js';
import { ownDataFolder, TRAIN_CONTEXT } from '../../helpers/files/own-data.js';
import { writeCheckpoint } from '../../helpers/models/pipeline-models.js';

const { features, file } = ownDataFolder();
const seeding = { seed: 0, epoch: 0, training: true };

await useBackend();

describe('own questions', () => {
  test('answers questions with the scores of the data', async () => {
    const data = file(
      { question: 'What color?', image: 1, answers: { red: 1, pink: 0.3 } },
      { question: 'How many?', image: 2, answers: ['2', '2', '3', '2', '2'] },
      { question: 'Is it?', image: 3, answers: ['yes'] },
    );
    const opened = await openTask('answering', { data, features }, TRAIN_CONTEXT);
    expect(Object.values(opened.config.id2label ?? {})).toEqual(['2', '3', 'pink', 'red', 'yes']);
    const examples = await Promise.all([0, 1, 2].map((i) => opened.data.example(i)));
    const { inputs } = await opened.task.collate(examples, seeding);
    expect([...(inputs['labels']?.data ?? [])]).toEqual(
      [0, 0, 0.3, 1, 0, 1, 0.3, 0, 0, 0, 0, 0, 0, 0, 1].map(Math.fround),
    );
    const metric = opened.task.createMetric();
    const data3 = Float32Array.of(0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1);
    metric.update(examples, { logits: { dtype: 'float32', shape: [3, 5], data: data3 } });
    expect(metric.compute()['accuracy']).toBeCloseTo((100 * (0.3 + 0.3 + 1)) / 3, 10);
    expect(
      opened.task.describe?.(examples, { logits: { dtype: 'float32', shape: [3, 5], data: data3 } }),
    ).toMatchObject([
      { text: 'What color?', expected: 'red', predicted: 'pink', correct: 0.3, images: [{ id: '1' }] },
      { text: 'How many?', expected: '2', predicted: '3', correct: 0.3 },
      { text: 'Is it?', expected: 'yes', predicted: 'yes', correct: 1 },
    ]);
  });

  test('warns of a list in another order than the classes of the evaluated model', async () => {
    const id2label = { 0: 'red', 1: 'yes', 2: 'no' };
    const model = await writeCheckpoint('VisualBertForQuestionAnswering', { task: 'vqa', config: { id2label } });
    const data = file({ question: 'Is it red?', image: 1, answers: ['yes'] });
    const warnings: string[] = [];
    setLogger({ info: () => undefined, warn: (message) => warnings.push(message) });
    for (const purpose of ['evaluate', 'predict'] as const) {
      for (const [list, expected] of [
        ['red\nyes\nno', []],
        [
          'red\nno\nyes',
          ['class 1 is "no" in the given list and "yes" in the checkpoint\'s config.json; leave the list'],
        ],
      ] as const) {
        warnings.length = 0;
        const answers = join(model, `${purpose}-${expected.length}.txt`);
        writeFileSync(answers, list);
        await (await openTask('answering', { data, features, answers }, { purpose, model })).close();
        expect(warnings).toEqual(expected.map((text) => expect.stringContaining(`${answers}: ${text}`)));
      }
    }
    setLogger(null);
  });

  test('refuses questions without answers to train on', async () => {
    await expect(
      openTask('answering', { data: file({ question: 'a', image: 1 }), features }, TRAIN_CONTEXT),
    ).rejects.toThrow(
      /data\.jsonl, line 1: expected answers, received none; to train, task answering needs answers in each record, and 1 of 1 has none; `visualbert data check/,
    );
  });
});
