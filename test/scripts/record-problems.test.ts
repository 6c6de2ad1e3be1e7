// The output of `data check`: all problems are counted, a few of each kind are printed.
import { expect, test } from '@jest/globals';
import { checkSummary, problemLines } from '../../scripts/results/record-problems.js';

const alike = (count: number): { where: string; problem: string }[] =>
  Array.from({ length: count }, (_, i) => ({
    where: `a.jsonl, line ${i + 1}`,
    problem: `id: expected an id, received ${i}`,
  }));

test('shows each problem, and of more than four alike three and how many more there are', () => {
  expect(problemLines(alike(4))).toHaveLength(4);
  expect(problemLines([...alike(24), { where: 'a.jsonl, line 3', problem: 'id 7 occurs twice' }], 'warning: ')).toEqual(
    [
      'warning: a.jsonl, line 1: id: expected an id, received 0',
      'warning: a.jsonl, line 2: id: expected an id, received 1',
      'warning: a.jsonl, line 3: id: expected an id, received 2',
      'warning: and 21 more of this kind (--json lists all)',
      'warning: a.jsonl, line 3: id 7 occurs twice',
    ],
  );
});

test('counts what the lines show', () => {
  const of = { task: 'answering', records: 1 } as const;
  expect(checkSummary({ ...of, problems: [], warnings: [] })).toBe('1 answering record, nothing wrong');
  expect(checkSummary({ ...of, problems: [], warnings: alike(1) })).toBe('1 answering record, no problems, 1 warning');
  expect(checkSummary({ ...of, records: 9, problems: alike(2), warnings: [] })).toBe('9 answering records, 2 problems');
});
