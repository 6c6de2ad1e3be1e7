// VCR: names instead of tags, regions of the named objects, their alignment, and the three metrics.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { nameObjects, relevantObjects } from '../../../src/processing/vcr-names.js';
import type { RawTensor } from '../../../src/raw-tensor.js';
import { openTask } from '../../../src/tasks/open-task.js';
import { scoreVcrFiles } from '../../../src/metrics/score-files.js';
import { writeFeatureFolder } from '../../helpers/files/numpy-files.js';
import { expectSharedMetric } from '../../helpers/shared-metric.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const folder = temporaryFolder();
const objects = ['person', 'person', 'person', 'car'];
const record = (annotId: string, labels = true): object => ({
  annot_id: annotId,
  img_id: 'val-0',
  objects,
  question: ['Does', [2], 'like', 'the', [3], '?'],
  answer_choices: [
    ['Yes', ',', [2], 'does', '.'],
    ['No', [0, 2], 'left', '.'],
    ['Maybe', '.'],
    ['No', '.'],
  ],
  rationale_choices: [
    [[2], 'smiles', '.'],
    ['Nobody', 'is', 'there', '.'],
    ['It', 'rains', '.'],
    [[3], 'is', 'red', '.'],
  ],
  ...(labels ? { answer_label: 1, rationale_label: 3 } : {}),
});
mkdirSync(folder, { recursive: true });
const data = join(folder, 'val.jsonl');
writeFileSync(data, `${JSON.stringify(record('val-0'))}\n${JSON.stringify(record('val-1'))}\n`);
const features = writeFeatureFolder(join(folder, 'features'), ['val-0'], 5, 2);
const seeding = { seed: 0, epoch: 0, training: true };

describe('VCR', () => {
  test('names people in the order of the context and other objects by their kind', () => {
    const { context, choices } = nameObjects(['Does', [2], 'see', [3]], [[[0, 2]], [[1]]], objects);
    expect(context.map(({ word }) => word)).toEqual(['Does', 'Casey', 'see', 'car']);
    expect(choices.map((choice) => choice.map(({ word }) => word))).toEqual([['Riley', 'Casey'], ['Riley']]);
    expect(choices[0]?.map(({ object }) => object)).toEqual([0, 2]);
  });

  test("names people as the authors' code does, where two may have one name", () => {
    // What their fix_item makes of the same texts.
    const { context, choices } = nameObjects(['Does', [2], 'see', [3]], [[[0, 2]], [[1], [0]]], objects, 'authors');
    expect(context.map(({ word }) => word)).toEqual(['Does', 'Casey', 'see', 'car']);
    expect(choices.map((choice) => choice.map(({ word }) => word))).toEqual([
      ['Casey', 'Casey'],
      ['Casey', 'Riley'],
    ]);
  });

  test("reads texts with the authors' names when it is told to", async () => {
    const read = async (names: string): Promise<string> => {
      const options = { data, features, names };
      const { processor, data: dataset } = await openTask('vcr', options, { purpose: 'train', model: null });
      const { choices } = (await dataset.example(0)) as { choices: readonly { text: { ids: readonly number[] } }[] };
      return processor.tokenizer
        .tokens(choices[1]?.text.ids ?? [])
        .join(' ')
        .replaceAll(' ##', '');
    };
    expect(await read('distinct')).toMatch(/\[SEP\] no riley casey left \. \[SEP\]$/);
    expect(await read('authors')).toMatch(/\[SEP\] no casey casey left \. \[SEP\]$/);
  });

  test('takes the objects that the texts name; everyone is all people; nobody named is all people', () => {
    expect(relevantObjects([['a', [3]], [[1]]], objects)).toEqual([1, 3]);
    expect(relevantObjects([['Everyone', 'sees', [3]]], objects)).toEqual([0, 1, 2, 3]);
    expect(relevantObjects([['it', 'rains']], objects)).toEqual([0, 1, 2]);
  });

  test('makes four texts of a question, with the whole picture and the named objects as regions', async () => {
    const {
      task,
      data: dataset,
      architecture,
      processor,
    } = await openTask('vcr', { data, features }, { purpose: 'train', model: null });
    expect([architecture, dataset.length]).toEqual(['VisualBertForMultipleChoice', 2]);
    const { inputs } = await task.collate([await dataset.example(0), await dataset.example(1)], seeding);
    expect(inputs['inputIds']?.shape).toEqual([2, 4, 16]);
    expect(inputs['visualEmbeds']?.shape).toEqual([2, 4, 8, 2]);
    expect([...(inputs['visualEmbeds']?.data ?? [])].slice(0, 8)).toEqual([0, 1, 10, 11, 30, 31, 40, 41]); // picture, objects 0, 2, 3
    const tokens = processor.tokenizer.tokens([...(inputs['inputIds']?.data ?? [])].slice(16, 32));
    expect(tokens.join(' ')).toMatch(/^\[CLS\] does .* like the .* \? \[SEP\] no .* left \. \[SEP\]/);
    const [, , v = 0, a = 0] = inputs['imageTextAlignment']?.shape ?? [];
    const places = (choice: number, region: number): number[] =>
      [...(inputs['imageTextAlignment']?.data ?? [])]
        .slice((choice * v + region) * a, (choice * v + region + 1) * a)
        .filter((at) => at >= 0);
    expect([places(0, 0), places(3, 1)]).toEqual([[], []]);
    // Choice 1 names objects 0 and 2; object 2 is Casey in the question as well, each time at the first piece of the name.
    expect(places(1, 2)).toHaveLength(2);
    for (const at of places(1, 2)) expect(tokens[at]?.startsWith('c')).toBe(true);
    for (const at of places(1, 1)) expect(tokens[at]?.startsWith('r')).toBe(true);
    expect([...(inputs['labels']?.data ?? [])]).toEqual([1, 1]);
    const logits: RawTensor = { dtype: 'float32', shape: [1, 4], data: Float32Array.of(0, 0, 0, Math.log(3)) };
    expectSharedMetric(task, [await dataset.example(0)], { logits });
    expect(task.describe?.([await dataset.example(0)], { logits })).toMatchObject([
      {
        text: 'Does Casey like the car ? Right: No Riley Casey left .',
        ...{ expected: 'choice 1', predicted: 'choice 3', correct: 0 },
        scores: [
          ['3: No .', expect.closeTo(0.5, 6)],
          ['0: Yes , Casey does .', expect.closeTo(1 / 6, 6)],
          expect.anything(),
          expect.anything(),
        ],
        images: [{ id: 'val-0' }],
      },
    ]);
  });

  test('keeps long texts within the longest length', async () => {
    const long = { ...(record('val-0') as { question: unknown[] }), question: Array(60).fill('like') };
    const path = join(folder, 'long.jsonl');
    writeFileSync(path, JSON.stringify(long));
    const { data: dataset } = await openTask('vcr', { data: path, features, maxTextLength: 20 }, { purpose: 'train', model: null }); // prettier-ignore
    const { choices } = await dataset.example(0) as { choices: readonly { text: { ids: readonly number[] } }[] }; // prettier-ignore
    expect(choices.map(({ text }) => text.ids.length)).toEqual([20, 20, 20, 20]);
  });

  test('pre-trains on each choice by itself, with the regions and the alignment of fine-tuning', async () => {
    const context = { purpose: 'train', model: null } as const;
    const [tuning, opened] = [
      await openTask('vcr', { data, features }, context),
      await openTask('vcr-pretraining', { data, features }, context),
    ];
    expect([opened.architecture, opened.data.length]).toEqual(['VisualBertForPreTraining', 16]);
    const examples = await Promise.all(Array.from({ length: 8 }, (_, i) => opened.data.example(i)));
    const all = await opened.task.collate(examples, seeding);
    expect([...(all.inputs['sentenceImageLabels']?.data ?? [])]).toEqual([0, 1, 0, 0, 0, 0, 0, 1]);
    const { inputs } = await opened.task.collate(examples.slice(0, 4), seeding); // the answers
    const { inputs: tuned } = await tuning.task.collate([await tuning.data.example(0)], seeding);
    const [, v = 0, a = 0] = inputs['imageTextAlignment']?.shape ?? [];
    expect(tuned['imageTextAlignment']?.shape).toEqual([1, 4, v, a]);
    const answers = <T extends string>(name: T, all: typeof inputs, width: number): number[] => [
      ...(all[name]?.data ?? []).slice(0, 4 * width),
    ];
    for (const [name, width] of [['imageTextAlignment', v * a] as const, ['visualEmbeds', v * 2] as const])
      expect(answers(name, inputs, width)).toEqual(answers(name, tuned, width));
    // With the hidden pieces put back, the first choices are the texts of fine-tuning.
    const [t = 0, k = 0] = [inputs['inputIds']?.shape[1], inputs['labels']?.shape[1]];
    const ids = [...(inputs['inputIds']?.data ?? [])];
    inputs['labels']?.data.forEach((label, i) => {
      const row = Math.floor(i / k);
      if (label !== -100) ids[row * t + Number(inputs['maskedPositions']?.data[i])] = Number(label);
    });
    const texts = (all: readonly number[], length: number): number[][] =>
      Array.from({ length: 4 }, (_, i) => all.slice(i * length, (i + 1) * length).filter((id) => id !== 0));
    const read = [...(tuned['inputIds']?.data ?? [])].map(Number);
    expect(texts(ids.map(Number), t)).toEqual(texts(read, tuned['inputIds']?.shape[2] ?? 0));
  });

  test('joins answers and rationales into Q->AR and the CSV of the leaderboard', async () => {
    const logits = (rows: number[]): Record<string, RawTensor> => {
      const values = new Float32Array(rows.length * 4);
      rows.forEach((choice, i) => (values[i * 4 + choice] = 2));
      return { logits: { dtype: 'float32', shape: [rows.length, 4], data: values } };
    };
    const write = async (mode: string, choices: number[], file: string): Promise<void> => {
      const opened = await openTask('vcr', { data, features, mode }, { purpose: 'predict', model: null });
      const examples = await Promise.all(choices.map((_, i) => opened.data.example(i)));
      expect(opened.data.length).toBe(choices.length);
      const predictions = opened.createPredictions();
      predictions.update(examples, logits(choices));
      await predictions.write(join(folder, file));
    };
    await write('answer', [1, 0], 'a.jsonl');
    await write('rationale', [0, 3, 0, 0, 0, 3, 0, 0], 'r.jsonl'); // given answer 1, both right
    const files = [join(folder, 'a.jsonl'), join(folder, 'r.jsonl')];
    const { scores, text } = await scoreVcrFiles(files, { data, csv: join(folder, 'out.csv') });
    expect(scores).toEqual({ 'Q->A': 50, 'QA->R': 100, 'Q->AR': 50 });
    expect(text).toBe('Answer acc:    0.500\nRationale acc: 1.000\nJoint acc:     0.500');
    const [header = '', first = ''] = readFileSync(join(folder, 'out.csv'), 'utf8').split('\n');
    expect(header.split(',').slice(0, 7)).toEqual([
      'annot_id',
      'answer_0',
      'answer_1',
      'answer_2',
      'answer_3',
      'rationale_conditioned_on_a0_0',
      'rationale_conditioned_on_a0_1',
    ]);
    expect(header.split(',')).toHaveLength(21);
    expect(Number(first.split(',')[2])).toBeCloseTo(Math.exp(2) / (Math.exp(2) + 3), 6);
    await expect(scoreVcrFiles(files.slice(0, 1), { csv: join(folder, 'x.csv') })).rejects.toThrow(
      'needs 4 + 16 probabilities, found 4',
    );
  });

  test('names the annotation that does not match', async () => {
    const bad = join(folder, 'bad.jsonl');
    const open = (change: object, purpose: 'train' | 'predict' = 'train'): ReturnType<typeof openTask> => {
      writeFileSync(bad, JSON.stringify({ ...record('val-0'), ...change }));
      return openTask('vcr', { data: bad, features }, { purpose, model: null });
    };
    await expect(open({ question: ['Is', [4], '?'] })).rejects.toThrow(
      'line 1, question: tag [4] names none of the 4 objects',
    );
    await expect(open({ answer_choices: [['a']] })).rejects.toThrow('expected four answer_choices, found 1');
    await expect(open({ answer_label: undefined })).rejects.toThrow(
      'annotation val-0: expected labels, received none; to ',
    );
    await expect(open({ img_id: 'val-9' })).rejects.toThrow('annotation val-0 (image val-9)');
    const { data: dataset } = await open({ objects: [...objects, 'dog'] });
    await expect(dataset.example(0)).rejects.toThrow(
      'annotation val-0: expected regions of the whole picture and 5 objects, received 5 regions',
    );
  });
});
