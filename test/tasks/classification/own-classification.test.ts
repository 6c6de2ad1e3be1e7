// Own classification data: labels of the data, batches, metrics and predictions.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { RawTensor } from '../../../src/raw-tensor.js';
import { openTask } from '../../../src/tasks/open-task.js';
import { ownDataFolder, TRAIN_CONTEXT } from '../../helpers/files/own-data.js';

const { folder, features, file } = ownDataFolder();
const seeding = { seed: 0, epoch: 0, training: true };

describe('own classification data', () => {
  test('classifies texts about an image or a pair into the labels of the data', async () => {
    const data = file(
      { id: 'x', text: 'a bird', image: 1, label: 'fly' },
      { text: 'left one', textPair: 'right one', images: [2, 3], label: 'swim' },
      { text: 'both', image: '3', label: 'run' },
    );
    const opened = await openTask('classification', { data, features }, TRAIN_CONTEXT);
    expect(opened.config.id2label).toEqual({ 0: 'fly', 1: 'run', 2: 'swim' });
    const examples = await Promise.all([0, 1, 2].map((i) => opened.data.example(i)));
    const { inputs } = await opened.task.collate(examples, seeding);
    expect([...(inputs['labels']?.data ?? [])]).toEqual([0, 2, 1]);
    expect([...(inputs['visualTokenTypeIds']?.data ?? [])].slice(8, 12)).toEqual([0, 0, 1, 1]);
    const logits: RawTensor = { dtype: 'float32', shape: [3, 3], data: Float32Array.of(1, 0, 0, 0, 0, 1, 1, 0, 0) };
    const metric = opened.task.createMetric();
    metric.update(examples, { logits });
    expect(metric.compute()).toEqual({
      accuracy: 200 / 3,
      'recall (fly)': 100,
      'recall (run)': 0,
      'recall (swim)': 100,
    });
    const predictions = opened.createPredictions();
    predictions.update(examples, { logits });
    await predictions.write(join(folder, 'out.jsonl'));
    const [first] = readFileSync(join(folder, 'out.jsonl'), 'utf8').split('\n');
    expect(JSON.parse(first ?? '')).toEqual({
      id: 'x',
      label: 'fly',
      scores: { fly: 0.576117, run: 0.211942, swim: 0.211942 },
    });
  });

  test('refuses labels that a model does not know, single labels and missing ones', async () => {
    await expect(
      openTask('classification', { data: file({ text: 'a', image: 1, label: 'x' }), features }, TRAIN_CONTEXT),
    ).rejects.toThrow('at least two labels, found x');
    await expect(
      openTask(
        'classification',
        {
          data: file({ text: 'a', image: 1, label: 'x' }, { text: 'b', image: 1, label: 'y' }, { text: 'c', image: 1 }),
          features,
        },
        TRAIN_CONTEXT,
      ),
    ).rejects.toThrow(
      /data\.jsonl, line 3: expected a label, received none; to train, task classification needs a label in each record, and 1 of 3 has none; `visualbert data check .*data\.jsonl` lists them$/,
    );
    await expect(
      openTask(
        'classification',
        { data: file({ text: 'a', image: 9, label: 'x' }, { text: 'b', image: 1, label: 'y' }), features },
        TRAIN_CONTEXT,
      ),
    ).rejects.toThrow(/no region features for .*data\.jsonl, line 1 \(image 9\)/);
  });
});
