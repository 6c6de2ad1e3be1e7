// The official accuracy against the official tool's own output on real answers.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { scoreVqa, vqaAnswerAccuracy, type VqaScores } from '../../src/metrics/vqa.js';
import { normaliseAnswer } from '../../src/processing/answer-normalisation.js';
import { readVqaAnnotations, type VqaAnnotation } from '../../src/records/vqa.js';
import { testWithData } from '../helpers/files/shared-data.js';

const json = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;

function annotated(answers: string[], withIds = true): VqaAnnotation {
  return {
    questionId: '1',
    questionType: 'what',
    answerType: 'other',
    usualAnswer: answers[0] ?? '',
    answers: answers.map((answer, i) => ({ answer, source: withIds ? String(i) : '' })),
  };
}

describe('VQA accuracy', () => {
  testWithData('normalises 1000 real answers as the official tool does', ['vqa_eval_golden/normalise.json'], (path) => {
    const wrong = json<[string, string][]>(path).filter(([raw, expected]) => normaliseAnswer(raw) !== expected);
    expect(wrong).toEqual([]);
  });

  for (const [name, annotations] of [
    ['multiple_choice_answer', 'vqa_v2/timbmg_subset/vqa_annotatons_test.gzip'],
    ['first_annotator', 'vqa_v2/timbmg_subset/vqa_annotatons_test.gzip'],
    ['shifted', 'vqa_v2/timbmg_subset/vqa_annotatons_test.gzip'],
    ['textvqa300', 'vqa_format_other/textvqa_val_annotations.first300.json'],
  ] as const) {
    testWithData(
      `scores ${name} to the last digit of the official tool, by type and by question`,
      [`vqa_eval_golden/results_${name}.json`, `vqa_eval_golden/scores_${name}.json`, annotations],
      async (results, scores, annotationFile) => {
        const predictions = new Map(
          json<{ question_id: number; answer: string }[]>(results).map((r) => [String(r.question_id), r.answer]),
        );
        expect(scoreVqa(await readVqaAnnotations(annotationFile), predictions)).toEqual(json<VqaScores>(scores));
      },
    );
  }

  test('normalises unusual answers as the official tool does', () => {
    const expected: Record<string, string> = {
      'Two dogs.': '2 dogs',
      'none of the above': '0 of above',
      The: '',
      '': '',
      ' . ': '',
      "it's 10:30": "it's 10:30",
      '$5,000': '$5000',
      '1, 000': '1 000',
      '...5...': '.5',
      'n/a': 'n',
      'dog-house': 'dog house',
      't-shirt, hat': 't shirt hat',
      '(left)': 'left',
      'half & half': 'half & half',
      'id\u2019ve': 'id\u2019ve',
      '\u0663,\u0664': '\u0663\u0664', // Arabic digits are digits
      '\u0130STANBUL': 'i\u0307stanbul',
      '\u00a0no\u2003': 'no',
      '\ufeffno': '\ufeffno', // no space to Python
      'a\u001cb': 'b', // a space to Python
      '\u65e5\u672c': '\u65e5\u672c',
    };
    expect(Object.keys(expected).map((answer) => [answer, normaliseAnswer(answer)])).toEqual(Object.entries(expected));
  });

  test('restores every apostrophe of the tool, and its two slips', () => {
    expect(normaliseAnswer("couldntve couldnt couldnt've couldn'tve")).toBe(
      "couldntve couldn't couldn't've couldn't've",
    );
    expect(normaliseAnswer("somebody'd someonell yalld've")).toBe("somebodyd someone'll yalld've");
    expect(normaliseAnswer("y'alld've twas ow's'at")).toBe("y'all'd've 'twas 'ow's'at");
  });

  test('removes at most 32 full stops, and none before a digit', () => {
    expect(normaliseAnswer('.'.repeat(40))).toBe('.'.repeat(8));
    expect(normaliseAnswer('u.s. 3.5')).toBe('us 3.5');
  });

  test('leaves one annotator out at a time: two of ten agree gives (2 * 1/3 + 8 * 2/3) / 10', () => {
    const accuracy = vqaAnswerAccuracy(annotated(['red', 'red', ...'abcdefgh'].map((a) => `${a}x`)), 'redx');
    expect(accuracy).toBeCloseTo((2 * (1 / 3) + 8 * (2 / 3)) / 10, 15);
  });

  test('compares raw texts when all annotators agree', () => {
    expect(vqaAnswerAccuracy(annotated(Array<string>(10).fill('yes')), 'Yes')).toBe(0);
    expect(vqaAnswerAccuracy(annotated([...Array<string>(9).fill('yes'), 'no']), 'Yes')).toBe(1);
  });

  test('drops all duplicates of an answer without id', () => {
    expect(vqaAnswerAccuracy(annotated(['a1', 'a1', 'a1', 'b1'], false), 'a1')).toBeCloseTo(1 / 4, 15);
  });

  test('names a question without prediction and a prediction without question', () => {
    expect(() => scoreVqa([annotated(['x'])], new Map())).toThrow('no prediction for question 1');
    expect(() =>
      scoreVqa(
        [annotated(['x'])],
        new Map([
          ['1', 'x'],
          ['2', 'y'],
        ]),
      ),
    ).toThrow('prediction for question 2');
  });
});
