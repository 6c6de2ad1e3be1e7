// Scoring result files: the official tools' own scores on real answers.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { pythonFixed, pythonFloat, pythonRound } from '../../src/metrics/python-numbers.js';
import { scoreFlickrFile, scoreNlvr2File, scoreVcrFiles, scoreVqaFile } from '../../src/metrics/score-files.js';
import { testWithData } from '../helpers/files/shared-data.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const folder = temporaryFolder();
function file(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}
const lines = (records: readonly object[]): string => records.map((record) => JSON.stringify(record)).join('\n');

describe('score', () => {
  testWithData(
    'prints the VQA scores of the official tool',
    [
      'vqa_eval_golden/results_shifted.json',
      'vqa_v2/timbmg_subset/vqa_annotatons_test.gzip',
      'vqa_eval_golden/summary.json',
    ],
    async (results, annotations, summaryPath) => {
      const summary = (
        JSON.parse(readFileSync(summaryPath, 'utf8')) as Record<string, { overall: number; perAnswerType: object }>
      )['shifted'];
      const { scores, text } = await scoreVqaFile(results, annotations);
      expect(scores).toMatchObject({ overall: summary?.overall, perAnswerType: summary?.perAnswerType });
      expect(text).toMatch(/^Overall Accuracy is: 14\.61\n\nPer Question Type Accuracy is the following:\n/);
      expect(text).toMatch(/Per Answer Type Accuracy is the following:\nyes\/no : 30\.70\n/);
    },
  );

  testWithData(
    'counts accuracy and consistency of real NLVR2 statements',
    ['nlvr2/allennlp_tiny-dev.json'],
    async (data) => {
      // `metrics.py` itself prints these two lines for these answers.
      const identifiers = ['0-0', '2-0', '3-0', '1-0', '1-1', '0-1', '3-1', '2-1'].map((end) => `dev-850-${end}`);
      const answers = file(
        'mixed.csv',
        identifiers.map((id, i) => `${id},${i % 2 === 1 ? 'True' : 'FALSE'}\n`).join(''),
      );
      expect((await scoreNlvr2File(answers, data)).text).toBe('accuracy=0.75\nconsistency=0.5\n');
      const statements = readFileSync(data, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { identifier: string; label: string });
      const csv = join(folder, 'predictions.csv');
      writeFileSync(
        csv,
        statements
          .map(({ identifier, label }, i) => `${identifier},${i === 0 ? (label === 'True' ? 'False' : 'True') : label}`)
          .join('\n'),
      );
      const groups = new Set(statements.map(({ identifier }) => identifier.replace(/-\d+(-\d+)$/, '$1')));
      const { scores } = await scoreNlvr2File(csv, data);
      expect(scores).toEqual({
        accuracy: (statements.length - 1) / statements.length,
        consistency: (groups.size - 1) / groups.size,
      });
      writeFileSync(
        csv,
        statements.map(({ identifier, label }) => `${identifier},${label.toLowerCase()}`).join('\r\n'),
      );
      expect((await scoreNlvr2File(csv, data)).text).toBe('accuracy=1.0\nconsistency=1.0\n');
    },
  );

  test('prints VQA as the official tool does, with answers that are empty, tied, no Latin letters or of annotators without ids', async () => {
    const annotation = (id: number, types: string, answers: string[], hasIds = true): object => ({
      question_id: id,
      question_type: types.split(', ')[0],
      answer_type: types.split(', ')[1],
      answers: answers.map((answer, i) => ({
        answer,
        answer_confidence: 'yes',
        ...(hasIds ? { answer_id: i + 1 } : {}),
      })),
    });
    const times = (n: number, answer: string): string[] => Array<string>(n).fill(answer);
    const annotations = [
      annotation(1, 'how many, number', [...times(4, '2'), ...times(3, 'two'), 'two.', '3', '3']),
      annotation(2, 'how many, number', times(10, '10')),
      annotation(3, 'what, other', [...times(6, ''), ...times(4, 'nothing')]),
      annotation(4, 'what is the, other', [...times(3, "don't know"), ...times(2, 'dont know'), ...times(5, 'unsure')]),
      annotation(5, 'what, other', ['½', '1/2', 'half', ...times(7, '½')]),
      annotation(6, 'is the, yes/no', [...times(5, 'yes'), ...times(5, 'no')]),
      annotation(7, 'is the, yes/no', [...times(9, 'yes'), 'Yes']),
      annotation(8, 'what, other', ['a dog', 'dog', 'dog', 'the dog', 'cat'], false),
      annotation(9, 'none of the above, other', ['日本\n', '日本', ' 日本\t', ...times(7, 'x')]),
    ];
    const answers = ['Two', 'ten', '', 'DONT KNOW!', ' ½.', 'no', 'YES', 'The Dog.', '日本'];
    const { scores, text } = await scoreVqaFile(
      file('results.json', JSON.stringify(answers.map((answer, i) => ({ question_id: i + 1, answer })))),
      file('annotations.json', JSON.stringify({ annotations })),
    );
    expect(scores).toMatchObject({
      perQuestion: { 1: 100, 2: 0, 3: 100, 4: 100, 5: 100, 6: 100, 7: 100, 8: 20, 9: 90 },
    });
    expect(text).toBe(
      'Overall Accuracy is: 78.89\n\nPer Question Type Accuracy is the following:\n' +
        'how many : 50.00\nwhat : 73.33\nwhat is the : 100.00\nis the : 100.00\nnone of the above : 90.00\n\n\n' +
        'Per Answer Type Accuracy is the following:\nnumber : 50.00\nother : 82.00\nyes/no : 100.00\n\n',
    );
    await expect(
      scoreVqaFile(file('few.json', '[{"question_id": 1, "answer": "2"}]'), join(folder, 'annotations.json')),
    ).rejects.toThrow('no prediction for question 2; every question needs one');
  });

  test("prints VCR's three shares as the authors do: the first of equal answers counts, halves go to the even digit", async () => {
    const record = (i: number): object => ({
      annot_id: `val-${i}`,
      img_id: `val-${i}`,
      objects: ['person'],
      question: ['Why', '?'],
      answer_choices: [['a'], ['b'], ['c'], ['d']],
      rationale_choices: [['e'], ['f'], ['g'], ['h']],
      answer_label: i < 9 ? 0 : 1,
      rationale_label: i < 4 ? 1 : 2,
    });
    const predictions = Array.from({ length: 16 }, (_, i) => ({
      annot_id: `val-${i}`,
      answers: i === 3 ? [0.1, 0.2, 0.6, 0.1] : [0.25, i >= 4 && i < 9 ? 0.3 : 0.25, 0.25, 0.25],
      rationales: { [i < 9 ? 0 : 1]: i === 0 ? [0, 0, 0, 1] : i === 10 ? [1, 0, 0, 0] : [0.1, 0.4, 0.4, 0.1] },
    }));
    const data = file('val.jsonl', lines(Array.from({ length: 16 }, (_, i) => record(i))));
    const { scores, text } = await scoreVcrFiles([file('vcr.jsonl', lines(predictions))], { data });
    expect(text).toBe('Answer acc:    0.188\nRationale acc: 0.188\nJoint acc:     0.125');
    expect(scores).toEqual({ 'Q->A': 18.75, 'QA->R': 18.75, 'Q->AR': 12.5 });
    const scoring = (bad: string): Promise<unknown> => scoreVcrFiles([file('bad.jsonl', bad)], { data });
    await expect(scoring('{"annot_id": "val-0", "answers": [1, 2]}')).rejects.toThrow(
      'bad.jsonl, line 1: expected answers as four numbers, received [1,2]',
    );
    await expect(scoring('{"annot_id": "val-0"}')).rejects.toThrow('line 1: expected answers or rationales');
    await expect(scoring('{"annot_id": "val-0", "rationales": {"4": [1, 2, 3, 4]}}')).rejects.toThrow(
      'line 1: expected rationales by answer 0 to 3, found 4',
    );
    await expect(scoring(lines([predictions[0] as object, predictions[0] as object]))).rejects.toThrow(
      /line 2: the prediction of the answers of val-0 also occurs in .*line 1/,
    );
  });

  test("prints VCR's shares from the counts: 9 of 2000 are 0.004 in Python, not 0.005 as 0.45% would be", async () => {
    const words = [['a'], ['b'], ['c'], ['d']];
    const records = Array.from({ length: 2000 }, (_, i) => ({
      ...{ annot_id: `val-${i}`, img_id: 'one', objects: [], question: ['Why', '?'] },
      ...{ answer_choices: words, rationale_choices: words, answer_label: i < 9 ? 0 : 1, rationale_label: 0 },
    }));
    const predictions = records.map(({ annot_id }) => ({ annot_id, answers: [1, 0, 0, 0] }));
    const data = file('many.jsonl', lines(records));
    const { scores, text } = await scoreVcrFiles([file('answers.jsonl', lines(predictions))], { data });
    expect([scores, text]).toEqual([{ 'Q->A': 0.45 }, 'Answer acc:    0.004']);
  });

  test("counts Flickr30k's phrases by type as MDETR's evaluator does; a phrase of two types counts for both", async () => {
    const object = (names: number[], [x1, y1, x2, y2]: number[]): string =>
      `<object>${names.map((name) => `<name>${name}</name>`).join('')}<bndbox><xmin>${x1}</xmin><ymin>${y1}</ymin>` +
      `<xmax>${x2}</xmax><ymax>${y2}</ymax></bndbox></object>`;
    mkdirSync(join(folder, 'Sentences'));
    mkdirSync(join(folder, 'Annotations'));
    file(
      'Sentences/77.txt',
      '[/EN#1/people/other A clown band] plays [/EN#2/instruments two drums] in [/EN#3/scene a park] .\nNothing here .\n' +
        '[/EN#4/clothing Red hats] on [/EN#1/people/other them] and [/EN#5/other a sign] .\n',
    );
    file(
      'Annotations/77.xml',
      `<annotation>${object([1], [10, 10, 110, 90])}${object([2], [20, 50, 40, 70])}${object([2], [60, 50, 80, 70])}` +
        '<object><name>3</name><scene>1</scene><nobndbox>1</nobndbox></object>' +
        `${object([4], [10, 10, 110, 20])}${object([5], [150, 0, 190, 40])}</annotation>`,
    );
    const far = [0, 90, 5, 95];
    const fars = (n: number): number[][] => Array.from({ length: n }, () => far);
    const named: [id: string, phrase: number, boxes: number[][]][] = [
      ['77#0', 0, [far, [10, 10, 110, 50]]], // an overlap of exactly a half
      ['77#0', 1, [[60, 50, 80, 71], far]],
      ['77#2', 0, [...fars(5), [10, 10, 110, 29.999], far]],
      ['77#2', 1, [[10, 10, 110, 49.9]]],
      ['77#2', 2, [...fars(9), [150, 0, 190, 40]]],
    ];
    const boxes = file('boxes.jsonl', lines(named.map(([id, phrase, list]) => ({ id, phrase, boxes: list }))));
    const { scores, text } = await scoreFlickrFile(boxes, { entities: folder, split: file('test.txt', '77\n') });
    expect(scores).toEqual({
      'R@1': 20,
      'R@5': 40,
      'R@10': 80,
      perPhraseType: {
        clothing: { 'R@1': 0, 'R@5': 0, 'R@10': 100, phrases: 1 },
        instruments: { 'R@1': 100, 'R@5': 100, 'R@10': 100, phrases: 1 },
        other: { 'R@1': 0, 'R@5': 100 / 3, 'R@10': 200 / 3, phrases: 3 },
        people: { 'R@1': 0, 'R@5': 50, 'R@10': 50, phrases: 2 },
      },
    });
    expect(text).toMatch(
      /^R@1: 20\.00\nR@5: 40\.00\nR@10: 80\.00\n\nPer phrase type: R@1, R@5, R@10\nclothing : 0\.00 0\.00 100\.00/,
    );
    expect(text).toContain('other : 0.00 33.33 66.67 (3 phrases)');
  });

  test('rounds and prints numbers as Python does', () => {
    expect([0.125, 0.375, 12.625, 97.875, 2.675, 33.333].map((x) => pythonRound(x))).toEqual([
      0.12, 0.38, 12.62, 97.88, 2.67, 33.33,
    ]);
    expect([1 / 16, 3 / 16, 0.7085, 1, 5 / 16].map((x) => pythonFixed(x, 3))).toEqual([
      '0.062',
      '0.188',
      '0.709',
      '1.000',
      '0.312',
    ]);
    expect([1 / 3, 1, 0, 0.0625, 5e-5, 1 / 86373, 1e-4].map(pythonFloat)).toEqual([
      '0.3333333333333333',
      '1.0',
      '0.0',
      '0.0625',
      '5e-05',
      '1.1577692102856216e-05',
      '0.0001',
    ]);
  });

  test('names the line or record that is wrong', async () => {
    const data = join(folder, 'dev.json');
    writeFileSync(data, JSON.stringify({ identifier: 'dev-1-0-0', sentence: 's', label: 'True' }));
    const csv = join(folder, 'bad.csv');
    writeFileSync(csv, 'dev-1-0-0;True\n');
    await expect(scoreNlvr2File(csv, data)).rejects.toThrow('bad.csv, line 1: expected identifier,True');
    writeFileSync(csv, 'dev-1-0-0, True\n'); // wrong to the official script, which strips no spaces inside a line
    await expect(scoreNlvr2File(csv, data)).rejects.toThrow('received dev-1-0-0, True');
    writeFileSync(csv, 'dev-2-0-0,True\n');
    await expect(scoreNlvr2File(csv, data)).rejects.toThrow('no prediction for statement dev-1-0-0');
  });
});
