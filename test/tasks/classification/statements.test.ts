// The NLVR and NLVR2 tasks: batches, accuracy and consistency, the leaderboard's CSV.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { setLogger } from '../../../src/logger.js';
import { scoreNlvr } from '../../../src/metrics/nlvr.js';
import type { RawTensor } from '../../../src/raw-tensor.js';
import { openTask } from '../../../src/tasks/open-task.js';
import { useBackend } from '../../helpers/backend.js';
import { writeCheckpoint } from '../../helpers/models/pipeline-models.js';
import { testWithData } from '../../helpers/files/shared-data.js';
import { expectSharedMetric } from '../../helpers/shared-metric.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const seeding = { seed: 0, epoch: 0, training: true };
const folder = temporaryFolder();
const logits = (labels: boolean[]): Record<string, RawTensor> => ({
  logits: {
    dtype: 'float32',
    shape: [labels.length, 2],
    data: Float32Array.from(labels.flatMap((label) => (label ? [0, 1] : [1, 0]))),
  },
});

await useBackend();

describe('statement tasks', () => {
  testWithData(
    'trains NLVR on structured scenes',
    ['nlvr1/dev.json', 'nlvr1/test.json', 'nlvr1/hidden.json', 'nlvr1/train_examples.recovered.jsonl'],
    async (dev, ...train) => {
      const options = { data: train, validationData: dev };
      const { data, validation, config, task, architecture } = await openTask('nlvr', options, {
        purpose: 'train',
        model: null,
      });
      expect([data.length, validation?.length, architecture]).toEqual([2975, 989, 'VisualBertForVisualReasoning']);
      expect(config).toMatchObject({ visualEmbeddingDim: 19, id2label: { 0: 'False', 1: 'True' } });
      const examples = await Promise.all([0, 1, 2].map((i) => validation?.example(i)));
      const { inputs } = await task.collate(examples, seeding);
      expect(inputs['visualEmbeds']?.shape).toEqual([3, 16, 19]);
      expect([...(inputs['labels']?.data ?? [])]).toEqual([1, 1, 1]);
      const metric = task.createMetric();
      metric.update(examples, logits([true, false, true]));
      expect(metric.compute()).toEqual({ accuracy: 100 * (2 / 3) });
    },
  );

  test('joins the two pictures of NLVR2, counts consistency, writes the CSV', async () => {
    const data = join(folder, 'dev.json');
    const statement = (set: number, pair: number, label: string): string =>
      JSON.stringify({ identifier: `dev-${set}-${pair}-0`, sentence: `a b ${set}`, label });
    writeFileSync(data, [statement(1, 0, 'True'), statement(1, 1, 'False'), statement(2, 0, 'True')].join('\n'));
    const base64 = (...values: number[]): string => Buffer.from(Float32Array.from(values).buffer).toString('base64');
    const row = (id: string, ...values: number[]): string =>
      [id, 9, 9, values.length, base64(...values.flatMap(() => [0, 0, 1, 1])), base64(...values)].join('\t');
    const features = join(folder, 'f.tsv');
    const rows = ['dev-1-0', 'dev-1-1', 'dev-2-0'].flatMap((pair, i) => [
      row(`${pair}-img0.png`, i + 1, i + 1),
      row(`${pair}-img1.png`, -i - 1),
    ]);
    writeFileSync(features, rows.join('\n'));

    const opened = await openTask('nlvr2', { data, features }, { purpose: 'evaluate', model: null });
    const examples = await Promise.all([0, 1, 2].map((i) => opened.data.example(i)));
    const { inputs } = await opened.task.collate(examples, seeding);
    expect(inputs['visualEmbeds']?.shape).toEqual([3, 8, 1]);
    expect([...(inputs['visualEmbeds']?.data ?? [])].slice(8, 12)).toEqual([2, 2, -2, 0]);
    expect([...(inputs['visualTokenTypeIds']?.data ?? [])].slice(8, 12)).toEqual([0, 0, 1, 0]);
    expect([...(inputs['labels']?.data ?? [])]).toEqual([1, 0, 1]);
    const metric = opened.task.createMetric();
    metric.update(examples, logits([true, true, true]));
    expectSharedMetric(opened.task, examples, logits([true, false, true]));
    expect(metric.compute()).toEqual({ accuracy: 100 * (2 / 3), consistency: 50 });
    const predictions = opened.createPredictions();
    predictions.update(examples, logits([true, false, true]));
    await predictions.write(join(folder, 'p.csv'));
    expect(readFileSync(join(folder, 'p.csv'), 'utf8')).toBe('dev-1-0-0,True\ndev-1-1-0,False\ndev-2-0-0,True\n');
    await opened.close();
  });

  testWithData('reads the real NLVR2 lines with their pairs', ['nlvr2/allennlp_tiny-dev.json'], async (path) => {
    const predictions = new Map([['dev-850-0-0', false]]);
    expect(() =>
      scoreNlvr([{ identifier: 'dev-850-2-0', sentence: '', label: true, imageIds: [] }], predictions),
    ).toThrow('no prediction for statement dev-850-2-0');
    await expect(
      openTask('nlvr2', { data: path, features: '/nowhere.tsv' }, { purpose: 'train', model: null }),
    ).rejects.toThrow('/nowhere.tsv: no such file or folder');
  });

  test('warns of a checkpoint whose classes are in the other order', async () => {
    const data = join(folder, 'ordered.json');
    writeFileSync(
      data,
      JSON.stringify({ identifier: '1-0', sentence: 's', structured_rep: [[], [], []], label: 'true' }),
    );
    const warnings: string[] = [];
    setLogger({ info: () => undefined, warn: (message) => warnings.push(message) });
    for (const [id2label, expected] of [
      [{ 0: 'True', 1: 'False' }, ['names class 0 "True" (id2label of its config.json)']],
      [{ 0: 'False', 1: 'True' }, []],
      [{ 0: 'LABEL_0', 1: 'LABEL_1' }, []],
    ] as const) {
      warnings.length = 0;
      const model = await writeCheckpoint('VisualBertForVisualReasoning', {
        task: 'nlvr',
        config: { id2label, visualEmbeddingDim: 19 },
      });
      await (await openTask('nlvr', { data }, { purpose: 'evaluate', model })).close();
      expect(warnings).toEqual(expected.map((text) => expect.stringContaining(text)));
    }
    setLogger(null);
  });

  test('asks for labels where they are needed', async () => {
    const data = join(folder, 'hidden.json');
    const scene = [[], [], [{ type: 'square', color: 'Black', x_loc: 0, y_loc: 0, size: 10 }]];
    writeFileSync(data, JSON.stringify({ identifier: '1-0', sentence: 's', structured_rep: scene }));
    await expect(openTask('nlvr', { data }, { purpose: 'train', model: null })).rejects.toThrow(
      'record 1-0: expected a label, received none; to train, task nlvr needs a label in each record, and 1 of 1 has none',
    );
    const { task, data: dataset } = await openTask('nlvr', { data }, { purpose: 'predict', model: null });
    expect((await task.collate([await dataset.example(0)], seeding)).inputs['labels']).toBeUndefined();
  });
});
