import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { NoteCollector, notesTable, type NotesSummary } from '../../../src/training/report/example-notes.js';
import { SILENT_PROGRESS } from '../../../src/training/log/progress.js';
import { type ExampleNote } from '../../../src/evaluation/task.js';
import { Trainer } from '../../../src/training/loop/trainer.js';
import { pointModel, points, pointTask } from '../../helpers/tiny-task.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

beforeAll(() => tf.setBackend('cpu'));

const note = (id: number, isRight: boolean, probability: number): ExampleNote => ({
  id: String(id),
  text: `question ${id}`,
  expected: 'yes',
  predicted: isRight ? 'yes' : 'no',
  scores: [['x', probability]],
  correct: Number(isRight),
});

describe('NoteCollector', () => {
  test('keeps the surest right and wrong examples and counts every pair of answers', () => {
    const collector = new NoteCollector();
    for (let i = 0; i < 100; i++) collector.add(note(i, i % 4 !== 0, i / 100));
    const { count, confusion, best, worst, first } = collector.summary();
    expect(count).toBe(100);
    expect(confusion).toEqual([
      { expected: 'yes', predicted: 'yes', count: 75 },
      { expected: 'yes', predicted: 'no', count: 25 },
    ]);
    expect(best.slice(0, 3).map(({ id }) => id)).toEqual(['99', '98', '97']);
    expect(worst.slice(0, 3).map(({ id }) => id)).toEqual(['96', '92', '88']);
    expect(first.map(({ id }) => Number(id))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  test('writes a table that a text page can show', () => {
    expect(notesTable([{ ...note(1, false, 0.256), text: 'a | b\nc' }]).split('\n')[2]).toBe(
      '| a   b c | yes | no | 26% | no |',
    );
  });
});

describe('the report of a run', () => {
  test('is one file with curves, metrics, confusion and examples, and refers to nothing outside', async () => {
    const outputDir = temporaryFolder();
    const model = pointModel();
    const pixels = 'data:image/png;base64,AAAA';
    const trainer = new Trainer({
      model,
      task: pointTask,
      train: points(37, 1),
      validation: points(20, 2),
      outputDir,
      batchSize: 8,
      logEvery: 1,
      histograms: true,
      progress: SILENT_PROGRESS,
      readPicture: async (id) => (id === 'p0' ? pixels : null),
    });
    const { best } = await trainer.train();
    model.dispose();
    const html = readFileSync(join(outputDir, 'report.html'), 'utf8');
    const notes = JSON.parse(readFileSync(join(outputDir, 'examples.json'), 'utf8')) as NotesSummary;
    expect(notes.count).toBe(20);
    expect(html.match(/<figure>/g)?.length).toBeGreaterThanOrEqual(5);
    expect(html).toContain('<h2>Confusion</h2>');
    expect(html).toContain(`<td>${Number(best?.value.toFixed(4))}</td>`);
    expect(html).toContain('&#60;5 numbers&#62;');
    expect(html).toContain(`<image href="${pixels}" width="8" height="4" />`);
    expect(html).toContain('<rect x="1" y="1" width="2" height="2" />');
    expect(html).toMatch(/<pre>visualbert train points \\\n {2}--output-dir .* \\\n/);
    expect(html).toMatch(/ {2}--batch-size 8 \\\n[^]* {2}--no-skip-non-finite \\\n/);
    expect(html).toMatch(/<dt>time<\/dt>\s*<dd>\d+ s: \d+ s for updates, \d+ s for evaluations/);
    expect(html).not.toMatch(/https?:|src=|<link|batchSize/);
  });
});
