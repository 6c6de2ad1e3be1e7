// The two tokenizer libraries behind one interface.
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { setLogger } from '../../../src/logger.js';
import * as browser from '../../../src/platform/browser.js';
import * as node from '../../../src/platform/node.js';
import { readDefinition } from '../../../src/platform/tokenizers/tokenizer-definition.js';
import type { TokenizerFiles } from '../../../src/platform/tokenizers/text-tokenizer.js';
import { testWithData } from '../../helpers/files/shared-data.js';

const vocabulary = '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nwhat\nis\nun\n##aff\n##able\n?\n';

interface Case {
  name: string;
  files: TokenizerFiles;
  size: number;
  special: number[];
  texts: [text: string, ids: number[]][];
}

/** By transformers' BertTokenizerFast: `test/fixtures/make_tokenizers.py`. */
const CASES = JSON.parse(readFileSync('test/fixtures/tokenizers.json', 'utf8')) as Case[];

const warnings: string[] = [];
beforeEach(() => {
  warnings.length = 0;
  setLogger({ info: () => undefined, warn: (message) => warnings.push(message) });
});
afterAll(() => setLogger(null));

describe.each([
  ['node', node.createTokenizer],
  ['browser', browser.createTokenizer],
])('createTokenizer in %s', (_name, createTokenizer) => {
  test('splits words into pieces, strips accents and keeps special tokens whole', async () => {
    const tokenizer = createTokenizer({ 'vocab.txt': vocabulary });
    const ids = await tokenizer.encode('What is UNÁffable? [MASK] zebra');
    expect(tokenizer.tokens(ids)).toEqual(['what', 'is', 'un', '##aff', '##able', '?', '[MASK]', '[UNK]']);
    expect(tokenizer.special).toEqual({ pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 });
    expect(tokenizer.vocabularySize).toBe(11);
    expect(tokenizer.tokens([5, 6])).toEqual(['what', 'is']);
    expect(() => tokenizer.tokens([11])).toThrow('token id 11: outside the vocabulary of 11 pieces');
    expect(await tokenizer.encode('')).toEqual([]);
  });

  test.each(CASES)('gives the ids of BertTokenizerFast: $name', async ({ files, size, special, texts }) => {
    const tokenizer = createTokenizer(files);
    const { pad, unk, cls, sep, mask } = tokenizer.special;
    expect([pad, unk, cls, sep, mask]).toEqual(special);
    expect(tokenizer.vocabularySize).toBe(size);
    for (const [text, ids] of texts)
      expect([text, cls, ...(await tokenizer.encode(text)), sep]).toEqual([text, ...ids]);
  });

  test('takes a tokenizer.json as it is where its class is the general one', async () => {
    const json = (lowercase: boolean): string =>
      JSON.stringify({
        ...readDefinition({ 'vocab.txt': vocabulary, 'tokenizer_config.json': `{"do_lower_case":${lowercase}}` }).json,
        truncation: { direction: 'Right', max_length: 2, strategy: 'LongestFirst', stride: 0 },
        padding: null,
      });
    const general = '{"tokenizer_class":"PreTrainedTokenizerFast"}';
    for (const [lowercase, ids] of [
      [true, [5, 6, 10]],
      [false, [1, 6, 10]],
    ] as const) {
      const tokenizer = createTokenizer({ 'tokenizer.json': json(lowercase), 'tokenizer_config.json': general });
      expect(await tokenizer.encode('What is?')).toEqual(ids);
    }
    expect(warnings).toEqual([]);
    expect(await createTokenizer({ 'tokenizer.json': json(false) }, 'model').encode('What')).toEqual([5]);
    expect(warnings).toEqual([expect.stringMatching(/^model\/tokenizer\.json: its normalizer is not the one/)]);
  });

  test('names the special token that a vocabulary lacks', () => {
    expect(() => createTokenizer({ 'vocab.txt': '[PAD]\n[UNK]\n[CLS]\n[SEP]\nwhat\n' })).toThrow(/no \[MASK\]/);
    expect(() =>
      createTokenizer({ 'vocab.txt': vocabulary, 'tokenizer_config.json': '{"unk_token":"<unk>"}' }),
    ).toThrow(/no <unk>/);
  });

  test.each([
    ['tokenizer_config.json', '{"do_lower_case": "false"}', 'expected true or false for do_lower_case, found "false"'],
    ['tokenizer_config.json', '{"do_lower_case":', 'is not JSON'],
    ['tokenizer_config.json', '[]', 'expected a JSON object, found []'],
    ['tokenizer_config.json', '{"added_tokens_decoder":{"a":{"content":"b"}}}', 'expected the id of an added token'],
    ['tokenizer_config.json', '{"added_tokens_decoder":{"1":{"lstrip":true}}}', 'expected a token as text'],
    ['added_tokens.json', '{"a": -1}', 'expected the id of an added token as a whole number, found -1'],
    ['tokenizer.json', '{"model":{"type":"WordPiece"}}', 'expected a model with a vocabulary'],
  ])('names %s when it holds %s', (file, text, message) => {
    expect(() => createTokenizer({ 'vocab.txt': vocabulary, [file]: text }, 'folder')).toThrow(`folder/${file}`);
    expect(() => createTokenizer({ 'vocab.txt': vocabulary, [file]: text }, 'folder')).toThrow(message);
  });

  test('warns that never_split has no effect', () => {
    createTokenizer({ 'vocab.txt': vocabulary, 'tokenizer_config.json': '{"never_split":["is"]}' });
    expect(warnings).toEqual([expect.stringContaining('never_split has no effect')]);
  });
});

describe('both libraries', () => {
  testWithData('give equal ids on 5,000 strings', ['bert_base_uncased/vocab.txt'], async (path) => {
    const text = readFileSync(path, 'utf8');
    const [a, b] = [node.createTokenizer({ 'vocab.txt': text }), browser.createTokenizer({ 'vocab.txt': text })];
    const words = text.split('\n').filter((word) => word !== '');
    const odd = [
      '\u00a0',
      ' \t',
      '’',
      'İstanbul',
      '中文字',
      '\u{20000}\u{2f800}',
      'e\u0301',
      '👍🏽',
      '\u200b',
      '...',
      'ß',
      'ﬁ',
      '[MASK]',
      '[mask]',
      '##ing',
      'ΟΔΟΣ Σ',
      'x'.repeat(120),
    ];
    for (let i = 0; i < 5000; i++) {
      const pick = (k: number): string => words[(i * 7919 + k * 104729) % words.length] ?? '';
      const line = `${pick(1)} ${pick(2)}${odd[i % odd.length]}${pick(3).toUpperCase()}, ${pick(4)}'s ${pick(5)}?`;
      expect([line, await b.encode(line)]).toEqual([line, await a.encode(line)]);
    }
  });
});
