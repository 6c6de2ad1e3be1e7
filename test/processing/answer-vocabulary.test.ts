// Answer lists: built, loaded, rejected; soft scores.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import {
  AnswerVocabulary,
  buildAnswers,
  parseAnswers,
  requireAuthorsAnswers,
} from '../../src/processing/answer-vocabulary.js';
import { DataError } from '../../src/errors.js';
import { readVqaAnnotations, type VqaAnnotation } from '../../src/records/vqa.js';
import { testWithData } from '../helpers/files/shared-data.js';

const annotation = (answers: string[]): VqaAnnotation => ({
  questionId: '1',
  questionType: 'what',
  answerType: 'other',
  usualAnswer: answers[0] ?? '',
  answers: answers.map((answer, i) => ({ answer, source: String(i) })),
});

describe('answer vocabulary', () => {
  test('scores 0.3 for each annotator up to 1, nothing for <unk> and answers outside the list', () => {
    const vocabulary = new AnswerVocabulary(['<unk>', 'red', 'blue', '2']);
    const scores = vocabulary.softScores(['red', 'red', 'Blue', 'two', 'two', 'two', 'two', 'pink', '<unk>', 'green']);
    expect([...scores]).toEqual([0, Math.fround(0.6), Math.fround(0.3), 1]);
  });

  test('orders answers by score, bars <unk> and breaks ties by class', () => {
    const vocabulary = new AnswerVocabulary(['<unk>', 'a', 'b', 'c']);
    expect(vocabulary.best([9, 1, 2, 2], 2).map(({ answer }) => answer)).toEqual(['b', 'c']);
    expect(vocabulary.best([9, 1, 2, 2], Infinity)).toHaveLength(3);
    for (const count of [0, -1, NaN])
      expect(() => vocabulary.best([9, 1, 2, 2], count)).toThrow(`topK: expected at least 1 answer, received ${count}`);
    expect(() => vocabulary.best([1, 2])).toThrow('expected scores of 4 answers, received 2');
  });

  test('counts questions by their usual normalised answer, commonest first', () => {
    const annotations = [['no', 'No', 'yes'], ['Yes'], ['yes', 'no'], ['two'], ['2.'], ['blue']].map(annotation);
    expect(buildAnswers(annotations, { minimumCount: 2 }).answers).toEqual(['<unk>', 'yes', '2']);
    expect(buildAnswers(annotations, { minimumCount: 1, size: 2 }).answers).toEqual(['<unk>', 'yes', '2']);
    expect(() => buildAnswers(annotations, { minimumCount: 9 })).toThrow('lower the minimum count');
  });

  test('reads lines, lists and both kinds of tables', () => {
    const expected = ['<unk>', 'yes', 'no'];
    for (const text of [
      '<unk>\r\nyes\r\nno\r\n',
      '["<unk>","yes","no"]',
      '{"no":2,"yes":1,"<unk>":0}',
      '{"0":"<unk>","1":"yes","2":"no"}',
    ]) {
      expect(parseAnswers(text, 'answers').answers).toEqual(expected);
    }
    expect(() => parseAnswers('{"no":1,"yes":1}', 'answers.json')).toThrow(
      'answers.json: expected each class from 0 to 1 once',
    );
    expect(parseAnswers('\ufeff["yes", "no"]', 'answers.json').answers).toEqual(['yes', 'no']);
    expect(() => parseAnswers('["yes",', 'answers.json')).toThrow(DataError);
    expect(() => parseAnswers('yes\nno\nyes\n', 'answers.txt')).toThrow('"yes" occurs at 0 and at 2');
  });

  testWithData(
    "refuses LXMERT's and UNITER's answers for the authors' head, which has as many",
    [
      'lxmert_format/vqa_trainval_label2ans.json',
      'lxmert_format/uniter_vqa_ans2label.json',
      'lxmert_format/vqa_trainval_ans2label.json',
    ],
    (...paths) => {
      for (const path of paths) {
        const vocabulary = parseAnswers(readFileSync(path, 'utf8'), path);
        expect(vocabulary.size).toBe(3129);
        expect(() => requireAuthorsAnswers(vocabulary, path)).toThrow('LXMERT');
      }
      const authors = new AnswerVocabulary(['<unk>', ...Array.from({ length: 3128 }, (_, i) => `answer ${i}`)]);
      expect(() => requireAuthorsAnswers(authors, 'answers_vqa.txt')).not.toThrow();
    },
  );

  testWithData(
    'builds a vocabulary of real annotations',
    ['vqa_v2/timbmg_subset/vqa_annotatons_valid.gzip'],
    async (path) => {
      const { answers } = buildAnswers(await readVqaAnnotations(path), { minimumCount: 9 });
      expect(answers.slice(0, 5)).toEqual(['<unk>', 'yes', 'no', '2', '1']);
      expect(answers.every((answer) => answer === answer.trim() && answer !== '')).toBe(true);
    },
  );
});
