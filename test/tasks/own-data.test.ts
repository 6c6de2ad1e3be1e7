// Own data: classification of one image or a pair, answers with scores, and every problem of a file at once.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { openRegionFeatures } from '../../src/features/open.js';
import { checkOwnRecords } from '../../src/records/own.js';
import { guessOwnTask, OWN_EXAMPLES, OWN_TASKS, ownDataStats } from '../../src/records/own-statistics.js';
import { memorySource } from '../../src/features/wrappers.js';
import type { RawTensor } from '../../src/raw-tensor.js';
import { openTask } from '../../src/tasks/open-task.js';
import { writeFeatureFolder } from '../helpers/numpy-files.js';

const folder = mkdtempSync(join(tmpdir(), 'own-'));
const features = writeFeatureFolder(join(folder, 'features'), ['1', '2', '3'], 2, 3);
const context = { purpose: 'train', model: null } as const;
const seeding = { seed: 0, epoch: 0, training: true };
const file = (...records: unknown[]): string => {
  const path = join(folder, 'data.jsonl');
  writeFileSync(path, records.map((record) => JSON.stringify(record)).join('\n'));
  return path;
};

describe('own data', () => {
  test('classifies texts about an image or a pair into the labels of the data', async () => {
    const data = file(
      { id: 'x', text: 'a bird', image: 1, label: 'fly' },
      { text: 'left one', textPair: 'right one', images: [2, 3], label: 'swim' },
      { text: 'both', image: '3', label: 'run' },
    );
    const opened = await openTask('classification', { data, features }, context);
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

  test('answers questions with the scores of the data', async () => {
    const data = file(
      { question: 'What colour?', image: 1, answers: { red: 1, pink: 0.3 } },
      { question: 'How many?', image: 2, answers: ['2', '2', '3', '2', '2'] },
      { question: 'Is it?', image: 3, answers: ['yes'] },
    );
    const opened = await openTask('answering', { data, features }, context);
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
      { text: 'What colour?', expected: 'red', predicted: 'pink', correct: 0.3, images: [{ id: '1' }] },
      { text: 'How many?', expected: '2', predicted: '3', correct: 0.3 },
      { text: 'Is it?', expected: 'yes', predicted: 'yes', correct: 1 },
    ]);
  });

  test('lists every problem with its record', async () => {
    const path = file(
      { text: 'a', image: 1, label: 'x' },
      { text: 'a', imge: 1 },
      { text: '', image: 1 },
      { id: 0, text: 'b', image: 1 },
      { text: 'c' },
    );
    const { records, problems } = await checkOwnRecords('classification', path);
    expect(records).toHaveLength(1);
    expect(problems.map(({ where, problem }) => `${where.replace(/^.*, /, '')}: ${problem}`)).toEqual([
      'line 2: unknown field "imge"; expected id, text, textPair, image, images, label',
      'line 3: text: expected a text that is not empty, received ""',
      expect.stringMatching(/^line 4: record 0 was already given by .*line 1; remove one of the two$/),
      'line 5: expected either image or images, received none',
    ]);
    await expect(openTask('classification', { data: path, features }, context)).rejects.toThrow(
      /line 2: unknown field "imge"/,
    );
  });

  test('says of each broken record where it is, what is expected and what was found, and goes on', async () => {
    const broken = join(folder, 'broken.jsonl');
    const problemsOf = async (
      task: 'classification' | 'answering' | 'grounding',
      content: string,
    ): Promise<string[]> => {
      writeFileSync(broken, content, 'latin1');
      const { problems } = await checkOwnRecords(task as 'grounding', broken);
      return problems.map(({ where, problem }) => `${where.replace(/^.*, /, '')}: ${problem}`);
    };
    // A byte order mark, CRLF, blank lines, a line cut short, a field too long to show, bytes that are not UTF-8.
    expect(
      await problemsOf(
        'classification',
        '\u00ef\u00bb\u00bf{"text": "a", "image": 1}\r\n\r\n{"text": 5, "image": 1}\n' +
          `{"text": "b", "image": {"a": "${'x'.repeat(100)}"}}\n{"text": "caf\u00e9", "image": 1}\nnull\n{"text": "c", "im`,
      ),
    ).toEqual([
      'line 3: text: expected a text that is not empty, received 5',
      `line 4: image: expected an id: a text or a whole number, received {"a":"${'x'.repeat(54)}...`,
      'line 5: not UTF-8; save the file as UTF-8; expected one whole record on each line',
      'line 6: expected an object with named fields, received null',
      expect.stringMatching(/^line 7: not JSON: .*; expected one whole record on each line$/),
    ]);
    const answers = (value: string): string => `{"question": "What?", "image": 1, "answers": ${value}}\n`;
    const scores =
      "expected a list of the annotators' answers, or an object of answers with scores from 0 to 1, received";
    expect(await problemsOf('answering', answers('{"red": 1.5}') + answers('[]') + answers('"red"'))).toEqual([
      `line 1: answers.red: ${scores} 1.5`,
      `line 2: answers: ${scores} []`,
      `line 3: answers: ${scores} "red"`,
    ]);
    const phrase = (boxes: string, words = '[0, 1]'): string =>
      `{"text": "two balls", "image": 1, "phrases": [{"words": ${words}, "boxes": ${boxes}}]}\n`;
    const box = 'expected a list of boxes [x1, y1, x2, y2] in pixels, with x1 < x2 and y1 < y2, received';
    expect(
      await problemsOf(
        'grounding',
        phrase('[[1, 2, NaN, 4]]') +
          phrase('[[1, 2, null, 4]]') +
          phrase('[[9, 9, 5, 5]]') +
          phrase('[[1, 2, 1e999, 4]]') +
          phrase('[[0.1, 0.2, 0.5, 1]]') +
          phrase('[[1, 2, 3, 4]]', '[1, 2]'),
      ),
    ).toEqual([
      expect.stringContaining('; JSON has no NaN or Infinity; expected one whole'),
      `line 2: phrases[0].boxes[0][2]: ${box} null`,
      `line 3: phrases[0].boxes[0]: ${box} [9,9,5,5]`,
      `line 4: phrases[0].boxes[0][2]: ${box} Infinity`,
      'line 5: expected boxes in pixels, received [0.1, 0.2, 0.5, 1], which looks like shares of the picture',
      'line 6: expected phrases of the words 0 to 1 of the text, received words [1, 2]',
    ]);
    await expect(problemsOf('grounding', '\u00ff\u00fe{\u0000')).rejects.toThrow('UTF-16; save the file as UTF-8');
    await expect(problemsOf('grounding', '[1]\n[2]\n')).rejects.toThrow('more follows after the list, at byte 4');
  });

  test('finds boxes that leave their picture, by the size that its features tell', async () => {
    const path = file(
      ...[
        [0, 0, 641, 480],
        [0, 0, 700, 480],
        [-5, 0, 5, 5],
      ].map((box) => ({ text: 'two balls', image: '1', phrases: [{ words: [0, 1], boxes: [box] }] })),
    );
    const regions = { features: new Float32Array(2), count: 1, dim: 2, imageWidth: 640, imageHeight: 480 };
    const { problems, records } = await ownDataStats(path, 'grounding', memorySource('memory', [['1', regions]]));
    expect(records).toBe(3);
    expect(problems.map(({ where, problem }) => `${where.replace(/^.*, /, '')}: ${problem}`)).toEqual([
      'line 2: expected boxes inside image 1 of 640 x 480 pixels, received [0, 0, 700, 480]',
      'line 3: expected boxes inside image 1 of 640 x 480 pixels, received [-5, 0, 5, 5]',
    ]);
  });

  test('refuses labels that a model does not know, single labels and missing ones', async () => {
    await expect(
      openTask('classification', { data: file({ text: 'a', image: 1, label: 'x' }), features }, context),
    ).rejects.toThrow('two labels at least, found x');
    await expect(
      openTask(
        'classification',
        {
          data: file({ text: 'a', image: 1, label: 'x' }, { text: 'b', image: 1, label: 'y' }, { text: 'c', image: 1 }),
          features,
        },
        context,
      ),
    ).rejects.toThrow(
      /data\.jsonl, line 3: expected a label, received none; to train, task classification needs a label in each record, and 1 of 3 has none; `visualbert data check .*data\.jsonl` says more$/,
    );
    await expect(openTask('answering', { data: file({ question: 'a', image: 1 }), features }, context)).rejects.toThrow(
      /data\.jsonl, line 1: expected answers, received none; to train, task answering needs answers in each record, and 1 of 1 has none; `visualbert data check/,
    );
    await expect(
      openTask(
        'classification',
        { data: file({ text: 'a', image: 9, label: 'x' }, { text: 'b', image: 1, label: 'y' }), features },
        context,
      ),
    ).rejects.toThrow(/no region features for .*data\.jsonl, line 1 \(image 9\)/);
  });
});

describe('statistics of own data', () => {
  test('tell lengths, labels, images and missing features of the documented examples', async () => {
    const source = await openRegionFeatures(writeFeatureFolder(join(folder, 'stats'), ['IMG_17', 'IMG_3'], 2, 3));
    for (const task of OWN_TASKS) {
      const path = file(...OWN_EXAMPLES[task]);
      expect(await guessOwnTask(path)).toBe(task);
      expect(await ownDataStats(path, task, null)).toMatchObject({
        records: OWN_EXAMPLES[task].length,
        problems: [],
        unlabelled: 0,
      });
    }
    expect(
      await ownDataStats(file(...OWN_EXAMPLES.classification, { text: 'x', imag: 1 }), 'classification', source),
    ).toMatchObject({
      records: 3,
      words: { min: 4, median: 4, p90: 4, max: 5 },
      images: 3,
      labels: [
        ['True', 1],
        ['contradiction', 1],
      ],
      features: { missing: ['IMG_4'], regions: { min: 2, max: 2 }, dim: 3 },
    });
  });
});
