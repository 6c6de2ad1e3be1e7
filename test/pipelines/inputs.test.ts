// What a pipeline refuses, and what it says: inputs and options as a program in JavaScript may hold them by mistake.
import { afterAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { explain } from '../../src/explain/explain.js';
import type { Pipeline } from '../../src/pipelines/contract.js';
import { pipeline } from '../../src/pipelines/node-pipeline.js';
import { useBackend } from '../helpers/backend.js';

const FIXTURES = 'test/fixtures/explanations';

await useBackend();
const folder = `${FIXTURES}/qa`;
const DIM = 10;
const regions = { features: new Float32Array(3 * DIM).fill(0.5), count: 3, dim: DIM };
/** Calls as programs without types make them. */
type Untyped = (...args: unknown[]) => Promise<unknown>;
const untyped = (made: unknown): Untyped => made as Untyped;

const ask = await pipeline('visual-question-answering', folder);
const choose = await pipeline('visual-multiple-choice', `${FIXTURES}/choice`);
const ground = await pipeline('phrase-grounding', `${FIXTURES}/grounding`);
const judge = await pipeline('visual-reasoning', `${FIXTURES}/reasoning`);
afterAll(() => Promise.all([ask, choose, ground, judge].map((one) => one.dispose())));

describe('a pipeline refuses', () => {
  test.each<[string, unknown, string]>([
    ['no input', undefined, 'visual-question-answering: expected an input { question, regions }, received none'],
    ['a text alone', 'a', 'expected an input { question, regions }, received "a"'],
    ['an empty place in a list', [null], 'expected an input { question, regions }, received null'],
    ['a question without regions', { question: 'a' }, 'regions: expected region features { features, count, dim }'],
    [
      'one list of numbers',
      { question: 'a', regions: [1, 2] },
      'regions: expected those of one image, received a list of 2',
    ],
    [
      'lists of several lengths',
      { question: 'a', regions: [[1, 2], [3]] },
      'regions, region 1: expected 2 numbers, as region 0 has, received [3]',
    ],
    [
      'lists with anything but numbers',
      {
        question: 'a',
        regions: [
          [1, 2],
          [3, null],
        ],
      },
      'regions, region 1: expected 2 numbers, as region 0 has, received [3,null]',
    ],
    [
      'no regions',
      { question: 'a', regions: { ...regions, count: 0, features: new Float32Array() } },
      'regions: holds no regions',
    ],
    [
      'another count',
      { question: 'a', regions: { ...regions, count: 9 } },
      'features as a Float32Array of 9 x 10 values, received one of 30',
    ],
    [
      'rows that are no numbers',
      { question: 'a', regions: [[null, 1]] },
      'regions, region 0: expected 2 numbers, received [null,1]',
    ],
    [
      'a count that is no number',
      { question: 'a', regions: { ...regions, count: NaN } },
      'expected count as a whole number of at least 0, received NaN',
    ],
    [
      'a list as features',
      { question: 'a', regions: { ...regions, features: [1, 2] } },
      'features as a Float32Array of 3 x 10 values, received [1,2]',
    ],
    [
      'boxes of fewer regions',
      { question: 'a', regions: { ...regions, boxes: new Float32Array(4) } },
      'boxes as a Float32Array of 3 x 4 values, received one of 4',
    ],
    [
      'features that are no numbers',
      { question: 'a', regions: { ...regions, features: new Float32Array(30).fill(NaN) } },
      'regions, region 0: expected finite numbers, found NaN',
    ],
    [
      'a short array',
      { question: 'a', regions: { dtype: 'float32', shape: [3, DIM], data: new Float32Array(4) } },
      'it has shape [3, 10] but 4 values',
    ],
    [
      'a source that cannot read',
      { question: 'a', regions: { source: {}, image: '1' } },
      'an image of a feature source { source, image }',
    ],
    [
      'a picture under another name',
      { question: 'a', image: 'photo.jpg' },
      "received one without regions, with unknown image; a picture is also given as { regions: 'photo.jpg' }, to a pipeline with the option detector",
    ],
    [
      'a part under a wrong name',
      { qustion: 'a', regions },
      'visual-question-answering: expected an input { question, regions }, received one without question, with unknown qustion',
    ],
    [
      'a part that the task does not have',
      { question: 'a', textPair: 'b', regions },
      'expected an input { question, regions }, received one with unknown textPair',
    ],
    [
      'a source without the image',
      { question: 'a', regions: { source: { read: async () => null }, image: '1' } },
      ', image 1: expected region features',
    ],
    [
      'finite features whose products are not',
      { question: 'a', regions: { ...regions, features: new Float32Array(3 * DIM).fill(3e38) } },
      'with which the model overflows float32, so that it gives no scores',
    ],
  ])('%s', async (_, input, message) => {
    await expect(untyped(ask)(input)).rejects.toThrow(message);
  });

  test('a tensor that was disposed', async () => {
    const tensor = tf.zeros<tf.Rank.R2>([3, DIM]);
    tensor.dispose();
    await expect(untyped(ask)({ question: 'a', regions: tensor })).rejects.toThrow('the tensor was disposed');
  });

  test.each<[string, () => Promise<unknown>, string]>([
    [
      'choices that are no list',
      () => untyped(choose)({ question: 'a', choices: 'b', regions }),
      'choices: expected a list, received "b"',
    ],
    [
      'two images for choices',
      () => untyped(choose)({ question: 'a', choices: ['b', 'c'], regions: [regions, regions] }),
      'those of one image, received a list of 2',
    ],
    [
      'phrases that are no list',
      () => untyped(ground)({ sentence: 'a b', phrases: 'a', regions }),
      'phrases: expected a list, received "a"',
    ],
    [
      'words that are none',
      () => untyped(ground)({ sentence: ['a', ' '], phrases: ['a'], regions }),
      'sentence: expected a text, or its words, none of them blank',
    ],
    [
      'a phrase that is cut off',
      () => untyped(ground)({ sentence: `${'a '.repeat(500)}b`, phrases: ['b'], regions }),
      '"b" (word 500) lies beyond the longest text',
    ],
    [
      'a pair without images',
      () => untyped(judge)({ statement: 'd', regions: [] }),
      'regions: expected those of at least one image',
    ],
  ])('%s', async (_, call, message) => {
    await expect(call()).rejects.toThrow(message);
  });

  test.each<[string, unknown, string]>([
    ['a part of an answer', { topK: 1.5 }, 'topK: expected a whole number of answers, received 1.5'],
    ['a text as a number', { topK: '3' }, 'topK: expected a whole number of answers, received "3"'],
    ['an option of another name', { topk: 3 }, 'visual-question-answering: unknown topk; known: topK'],
  ])('%s', async (_, options, message) => {
    await expect((async () => untyped(ask)({ question: 'a', regions }, options))()).rejects.toThrow(message);
  });

  test.each<[string, unknown[], string]>([
    [
      'no folder',
      ['visual-question-answering'],
      'expected a folder, an address, a repository of the hub, or { model, processor }, received none',
    ],
    [
      'null for options',
      ['visual-question-answering', folder, null],
      'pipeline: expected an object of options, received null',
    ],
    [
      'an option of another name',
      ['visual-question-answering', folder, { batchsize: 4 }],
      'pipeline: unknown batchsize; known: answers',
    ],
    [
      'a length that is none',
      ['visual-question-answering', folder, { maxLength: -3 }],
      'maxLength: expected a whole number of at least 1, received -3',
    ],
    [
      'a text form that is none',
      ['visual-question-answering', folder, { textForm: 'vqa2' }],
      'task: expected one of plain, vqa',
    ],
    [
      'a detector that is none',
      ['visual-question-answering', folder, { detector: {} }],
      'detector: expected one with detect(pictures), received {}',
    ],
    [
      'a missing list of answers',
      ['visual-question-answering', folder, { answers: '/nowhere/answers.txt' }],
      'answers: /nowhere/answers.txt: cannot be read: no such file or folder; check the path',
    ],
    [
      'a word for compile',
      ['visual-question-answering', folder, { compile: 'yes' }],
      'compile: expected true or false, received "yes"',
    ],
    [
      'a precision that is none',
      ['visual-question-answering', folder, { precision: 'int4' }],
      'precision: expected one of fp32, bf16, fp16, int8, received "int4"',
    ],
  ])('to be made with %s', async (_, args, message) => {
    await expect(untyped(pipeline)(...args)).rejects.toThrow(message);
  });
});

test('explain refuses options of another name, and what is no input', async () => {
  const input = { question: 'a', regions };
  const wrong = explain as (made: Pipeline<'visual-question-answering'>, ...rest: unknown[]) => Promise<unknown>;
  await expect(wrong(ask, input, { metod: 'rollout' })).rejects.toThrow('explain: unknown metod; known: method');
  await expect(wrong(ask, input, null)).rejects.toThrow('explain: expected an object of options, received null');
  await expect(wrong(ask, null)).rejects.toThrow('expected an input { question, regions }, received null');
});

test('one bad input of a list is the error of the list, and the pipeline goes on', async () => {
  const good = { question: 'a', regions };
  const bad = { question: 'a', regions: { ...regions, dim: DIM + 1 } };
  await expect(ask([good, bad, good])).rejects.toThrow(
    'input 1: regions: expected features as a Float32Array of 3 x 11 values',
  );
  await expect(untyped(ask)([good, good, null])).rejects.toThrow('input 2: visual-question-answering: expected an');
  expect(await ask(good)).toHaveLength(5);
});

test('a set and a generator are answered one by one, as an async iterable is', async () => {
  const inputs = ['a', 'b', 'c'].map((question) => ({ question, regions }));
  const expected = await ask(inputs);
  function* generated(): Generator<(typeof inputs)[number]> {
    yield* inputs;
  }
  for (const many of [new Set(inputs), generated()]) {
    const found = [];
    for await (const answers of ask(many)) found.push(answers);
    expect(found).toEqual(expected);
  }
});

test('regions are taken as lists of numbers, of one image or of two', async () => {
  const rows = [0, 1].map((i) => Array.from({ length: DIM }, (_, j) => (i + 1) / (j + 2)));
  const flat = { features: Float32Array.from(rows.flat()), count: 2, dim: DIM };
  const answers = await ask({ question: 'a', regions: flat });
  for (const given of [rows, rows.map((row) => Float32Array.from(row))])
    expect(await ask({ question: 'a', regions: given })).toEqual(answers);
  const flatPair = await judge({ statement: 'd', regions: [flat, regions] });
  expect(await judge({ statement: 'd', regions: [rows, regions] })).toEqual(flatPair);
  expect(await judge({ statement: 'd', regions: [rows, rows] })).toEqual(
    await judge({ statement: 'd', regions: [flat, flat] }),
  );
});
