// The two tokenizer libraries behind one interface.
import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import * as browser from '../../src/platform/browser.js';
import * as node from '../../src/platform/node.js';
import { bertTokenizerJson } from '../../src/platform/tokenizer.js';
import { testWithData } from '../helpers/shared-data.js';

const vocabulary = '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nwhat\nis\nun\n##aff\n##able\n?\n';

describe.each([
  ['node', node.createTokenizer],
  ['browser', browser.createTokenizer],
])('createTokenizer in %s', (_name, createTokenizer) => {
  test('splits words into pieces, strips accents and keeps special tokens whole', async () => {
    const tokenizer = createTokenizer({ vocabulary });
    const ids = await tokenizer.encode('What is UNÁffable? [MASK] zebra');
    expect(tokenizer.tokens(ids)).toEqual(['what', 'is', 'un', '##aff', '##able', '?', '[MASK]', '[UNK]']);
    expect(tokenizer.special).toEqual({ pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 });
    expect(tokenizer.vocabularySize).toBe(11);
    expect(tokenizer.vocabulary().slice(5, 7)).toEqual(['what', 'is']);
    expect(await tokenizer.encode('')).toEqual([]);
  });

  test('names the special token that a vocabulary lacks', () => {
    expect(() => createTokenizer({ vocabulary: '[PAD]\n[UNK]\n[CLS]\n[SEP]\nwhat\n' })).toThrow(/no \[MASK\]/);
  });

  test('takes a tokenizer.json without special tokens around the text', async () => {
    const made = node.createTokenizer({ vocabulary });
    const tokenizer = createTokenizer({ tokenizerJson: bertTokenizerJson(vocabulary) });
    expect(await tokenizer.encode('what is')).toEqual(await made.encode('what is'));
  });
});

describe('both libraries', () => {
  testWithData('give equal ids on 5,000 strings', ['bert_base_uncased/vocab.txt'], async (path) => {
    const text = readFileSync(path, 'utf8');
    const [a, b] = [node.createTokenizer({ vocabulary: text }), browser.createTokenizer({ vocabulary: text })];
    const words = text.split('\n').filter((word) => word !== '');
    const odd = [
      '\u00a0',
      ' \t',
      '’',
      'İstanbul',
      '中文字',
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
