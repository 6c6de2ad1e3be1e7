// Words that a vocabulary does not have.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setLogger } from '../../src/logger.js';
import { createTokenizer } from '../../src/platform/node.js';
import { unknownWords, warnAboutUnknownWords } from '../../src/processing/unknown-words.js';

const VOCABULARY = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'what', 'is', 'the', 'dog', '?', '##s', ','];
const tokenizer = createTokenizer({ 'vocab.txt': VOCABULARY.join('\n') }, 'model');
const warnings: string[] = [];
beforeAll(() => setLogger({ info: () => undefined, warn: (text) => warnings.push(text) }));
afterAll(() => setLogger(null));

test.each([
  ['What is the dog?', []],
  ['what is the dogs', []],
  ['what is [MASK]?', []],
  ['', []],
  ['What is the Zebra, the zebra, the fox?', ['Zebra', 'zebra', 'fox']],
  ['the dog !', ['!']],
  ['the fox is [MASK]?', ['fox']],
])('%j: %j', async (text, words) => {
  expect(await unknownWords(text, tokenizer)).toEqual(words);
});

test('the warning names them and the model, and there is none without', async () => {
  await warnAboutUnknownWords('the dog', tokenizer, 'runs/vqa');
  await warnAboutUnknownWords('the fox?', tokenizer, 'runs/vqa');
  expect(warnings).toEqual([
    'runs/vqa: its vocabulary does not have "fox"; the model reads [UNK] there, and its answer does not depend on what is asked there',
  ]);
});
