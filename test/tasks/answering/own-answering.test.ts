// Own questions: answers of the data with their scores.
import { describe, expect, test } from '@jest/globals';
import { openTask } from '../../../src/tasks/open-task.js';
import { ownDataFolder, TRAIN_CONTEXT } from '../../helpers/files/own-data.js';

const { features, file } = ownDataFolder();
const seeding = { seed: 0, epoch: 0, training: true };

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

  test('refuses questions without answers to train on', async () => {
    await expect(
      openTask('answering', { data: file({ question: 'a', image: 1 }), features }, TRAIN_CONTEXT),
    ).rejects.toThrow(
      /data\.jsonl, line 1: expected answers, received none; to train, task answering needs answers in each record, and 1 of 1 has none; `visualbert data check/,
    );
  });
});
