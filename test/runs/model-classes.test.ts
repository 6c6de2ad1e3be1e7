// Every task's batches go through the model class that the task names, with a finite loss and outputs that its metric takes.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { VisualBertConfig } from '../../src/config/config.js';
import { MODEL_CLASSES } from '../../src/models/model-classes.js';
import type { RawTensor } from '../../src/raw-tensor.js';
import { openTask } from '../../src/tasks/open-task.js';
import { useBackend } from '../helpers/backend.js';
import { npy, npz, writeFeatureFolder } from '../helpers/files/numpy-files.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const folder = temporaryFolder();
const lines = (name: string, ...records: unknown[]): string => {
  const path = join(folder, name);
  writeFileSync(path, records.map((record) => JSON.stringify(record)).join('\n'));
  return path;
};
const features = writeFeatureFolder(join(folder, 'features'), ['1', '2', 'dev-0-0-img0', 'dev-0-0-img1'], 3, 4);
const placed = join(folder, 'placed');
mkdirSync(placed);
const boxes = npy([0, 0, 5, 5, 2, 2, 9, 9], [2, 4]);
writeFileSync(
  join(placed, '1.npz'),
  npz({
    'features.npy': npy([1, 2, 3, 4], [2, 2]),
    'bbox.npy': boxes,
    'image_w.npy': npy([10], []),
    'image_h.npy': npy([10], []),
  }),
);

const TASKS: Record<string, object> = {
  vqa: {
    questions: lines('q.json', {
      questions: [
        {
          question_id: 1,
          image_id: 1,
          question: 'What is it that we see there on the table, and where did it come from?',
        },
        { question_id: 2, image_id: 2, question: 'Is it?' },
      ],
    }),
    annotations: lines('a.json', {
      annotations: [
        { question_id: 1, answers: [{ answer: 'dog' }] },
        { question_id: 2, answers: [{ answer: 'yes' }] },
      ],
    }),
    minimumAnswerCount: 1,
    features,
  },
  nlvr: {
    data: lines(
      'n.json',
      { identifier: '1-0', sentence: 'a b', label: 'true', structured_rep: [[], [], []] },
      { identifier: '2-0', sentence: 'c', label: 'false', structured_rep: [[], [], []] },
    ),
  },
  nlvr2: {
    data: lines(
      'n2.json',
      {
        identifier: 'dev-0-0-0',
        sentence: 'one two three four five six seven eight nine ten eleven twelve',
        label: 'True',
      },
      { identifier: 'dev-0-0-1', sentence: 'c', label: 'False' },
    ),
    features,
  },
  vcr: {
    data: lines(
      'v.jsonl',
      ...[0, 1].map((i) => ({
        annot_id: `val-${i}`,
        img_id: '1',
        objects: ['person', 'dog'],
        question: ['Is', [1], '?'],
        answer_choices: [['a'], [[0]], ['b'], ['c']],
        rationale_choices: [['a'], ['b'], ['c'], ['d']],
        answer_label: i,
        rationale_label: 0,
      })),
    ),
    features,
  },
  pretraining: {
    captions: lines(
      'c.jsonl',
      ...[1, 1, 2, 2].map((id, i) => ({
        image_id: id,
        caption: 'one two three four five six seven eight nine ten '.repeat(2) + i,
      })),
    ),
    features,
  },
  classification: {
    data: lines(
      'o.jsonl',
      { text: 'a', image: 1, label: 'x' },
      { text: 'b', image: 2, label: 'y' },
      { text: 'c', images: [1, 2], label: 'z' },
    ),
    features,
  },
  answering: {
    data: lines(
      's.jsonl',
      { question: 'a', image: 1, answers: { x: 1, y: 0.3 } },
      { question: 'b', image: 2, answers: ['z'] },
    ),
    features,
  },
  grounding: {
    data: lines(
      'g.jsonl',
      { text: 'the ball', image: 1, phrases: [{ words: [0, 1], boxes: [[0, 0, 5, 6]] }] },
      { text: 'it', image: 1, phrases: [{ words: [0, 0], boxes: [[2, 2, 9, 9]] }] },
    ),
    features: placed,
  },
};

const entities = join(folder, 'entities');
for (const part of ['Sentences', 'Annotations']) mkdirSync(join(entities, part), { recursive: true });
const words = 'one two three four five six seven eight nine ten '.repeat(3);
const sentence = `[/EN#1/other the red ball] lies beside [/EN#1/other another] ${words}.`;
const object = (corners: string): string => `<object><name>1</name><bndbox>${corners}</bndbox></object>`;
writeFileSync(join(entities, 'Sentences', '1.txt'), `${sentence}\n${sentence}\n`);
writeFileSync(
  join(entities, 'Annotations', '1.xml'),
  object('<xmin>0</xmin><ymin>0</ymin><xmax>5</xmax><ymax>6</ymax>'),
);
writeFileSync(join(entities, 'train.txt'), '1\n');
TASKS['flickr'] = { entities, split: join(entities, 'train.txt'), features: placed };

for (const name of ['vqa', 'nlvr2', 'vcr', 'flickr']) TASKS[`${name}-pretraining`] = TASKS[name] ?? {};

beforeAll(async () => {
  await useBackend();
});

describe('tasks and models', () => {
  for (const [name, options] of Object.entries(TASKS)) {
    test(`${name} batches give a loss and metrics`, async () => {
      const opened = await openTask(name, options, { purpose: 'train', model: null });
      const small = { hiddenSize: 8, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 8 };
      const model = new MODEL_CLASSES[opened.architecture](new VisualBertConfig({ ...small, ...opened.config }), {
        seed: 0,
      });
      const examples = await Promise.all(Array.from({ length: opened.data.length }, (_, i) => opened.data.example(i)));
      const { inputs } = await opened.task.collate(examples, { seed: 0, epoch: 0, training: true });
      const { loss, ...rest } = model.forward(inputs) as unknown as Record<string, tf.Tensor>;
      expect(Number.isFinite(loss?.dataSync()[0])).toBe(true);
      const outputs: Record<string, RawTensor> = {};
      for (const [key, value] of Object.entries(rest)) {
        if ('dataSync' in value)
          outputs[key] = { dtype: 'float32', shape: value.shape, data: value.dataSync() as Float32Array };
      }
      const metric = opened.task.createMetric();
      metric.update(examples, outputs);
      const metrics = metric.compute();
      expect(Object.keys(metrics).length).toBeGreaterThan(0);
      expect(Object.values(metrics).every((value) => value >= 0 && value <= 100)).toBe(true);
      model.dispose();
      await opened.close();
    });
  }
});
