// Both tokenizer libraries on real questions, sentences and captions.
import { readFileSync } from 'node:fs';
import { describe, expect } from '@jest/globals';
import { readNlvr, readNlvr2 } from '../../src/records/nlvr.js';
import { readVqaQuestions } from '../../src/records/vqa.js';
import * as browser from '../../src/platform/browser.js';
import * as node from '../../src/platform/node.js';
import { testWithData } from '../helpers/files/shared-data.js';

describe('tokenizers', () => {
  testWithData(
    'give equal ids on 5,000 real texts, in Node and in the browser',
    [
      'bert_base_uncased/vocab.txt',
      'vqa_v2/timbmg_subset/vqa_questions_valid.gzip',
      'nlvr1/dev.json',
      'nlvr2/emma_nlvr.jsonl',
      'vqa_format_other/vizwiz_val_questions.first300.json',
    ],
    async (vocabularyPath, vqa, nlvr, nlvr2, vizwiz) => {
      const vocabulary = readFileSync(vocabularyPath, 'utf8');
      const [a, b] = [
        node.createTokenizer({ 'vocab.txt': vocabulary }),
        browser.createTokenizer({ 'vocab.txt': vocabulary }),
      ];
      const texts = [
        ...(await readVqaQuestions(vizwiz ?? '')).map(({ question }) => question),
        ...(await readNlvr(nlvr ?? '')).map(({ sentence }) => sentence),
        ...(await readNlvr2(nlvr2 ?? '')).map(({ sentence }) => sentence),
        ...(await readVqaQuestions(vqa ?? '')).map(({ question }) => question),
      ].slice(0, 5000);
      expect(texts).toHaveLength(5000);
      const differing: string[] = [];
      for (const text of texts) {
        const [left, right] = [await a.encode(text), await b.encode(text)];
        if (left.length !== right.length || left.some((id, i) => id !== right[i])) differing.push(text);
      }
      expect(differing).toEqual([]);
    },
  );
});
