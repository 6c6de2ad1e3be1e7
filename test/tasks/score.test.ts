// Scoring result files: the official tools' own figures on real answers.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { scoreNlvr2File, scoreVqaFile } from '../../src/tasks/score.js';
import { testWithData } from '../helpers/shared-data.js';

const folder = mkdtempSync(join(tmpdir(), 'score-'));

describe('score', () => {
  testWithData(
    'prints the VQA figures of the official tool',
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

  test('names the line or record that is wrong', async () => {
    const data = join(folder, 'dev.json');
    writeFileSync(data, JSON.stringify({ identifier: 'dev-1-0-0', sentence: 's', label: 'True' }));
    const csv = join(folder, 'bad.csv');
    writeFileSync(csv, 'dev-1-0-0;True\n');
    await expect(scoreNlvr2File(csv, data)).rejects.toThrow('bad.csv, line 1: expected identifier,True');
    writeFileSync(csv, 'dev-2-0-0,True\n');
    await expect(scoreNlvr2File(csv, data)).rejects.toThrow('no prediction for statement dev-1-0-0');
  });
});
