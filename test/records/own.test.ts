// Own records: all problems of a file at once, with line, expected and received values.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { checkOwnRecords } from '../../src/records/own.js';
import { openTask } from '../../src/tasks/open-task.js';
import { ownDataFolder, TRAIN_CONTEXT } from '../helpers/files/own-data.js';

const { folder, features, file } = ownDataFolder();

describe('own records', () => {
  test('lists every problem with its record', async () => {
    const path = file(
      { text: 'a', image: 1, label: 'x' },
      { text: 'a', imge: 1 },
      { text: '', image: 1 },
      { id: 0, text: 'b', image: 1 },
      { text: 'c' },
    );
    const { records, problems } = await checkOwnRecords('classification', path);
    expect(records).toHaveLength(1);
    expect(problems.map(({ where, problem }) => `${where.replace(/^.*, /, '')}: ${problem}`)).toEqual([
      'line 2: unknown field "imge"; expected id, text, textPair, image, images, label',
      'line 3: text: expected a text that is not empty, received ""',
      expect.stringMatching(/^line 4: record 0 also occurs in .*line 1; remove one of the two$/),
      'line 5: expected either image or images, received none',
    ]);
    await expect(openTask('classification', { data: path, features }, TRAIN_CONTEXT)).rejects.toThrow(
      /line 2: unknown field "imge"/,
    );
  });

  test('reports each broken record with its line, the expected and the actual value, and continues', async () => {
    const broken = join(folder, 'broken.jsonl');
    const problemsOf = async (
      task: 'classification' | 'answering' | 'grounding',
      content: string,
    ): Promise<string[]> => {
      writeFileSync(broken, content, 'latin1');
      const { problems } = await checkOwnRecords(task as 'grounding', broken);
      return problems.map(({ where, problem }) => `${where.replace(/^.*, /, '')}: ${problem}`);
    };
    // A byte order mark, CRLF, blank lines, a line cut short, a field too long to show, bytes that are not UTF-8.
    expect(
      await problemsOf(
        'classification',
        '\u00ef\u00bb\u00bf{"text": "a", "image": 1}\r\n\r\n{"text": 5, "image": 1}\n' +
          `{"text": "b", "image": {"a": "${'x'.repeat(100)}"}}\n{"text": "caf\u00e9", "image": 1}\nnull\n{"text": "c", "im`,
      ),
    ).toEqual([
      'line 3: text: expected a text that is not empty, received 5',
      `line 4: image: expected an id: a text or a whole number, received {"a":"${'x'.repeat(54)}...`,
      'line 5: not UTF-8; save the file as UTF-8; expected one complete record per line',
      'line 6: expected an object with named fields, received null',
      expect.stringMatching(/^line 7: not JSON: .*; expected one complete record per line$/),
    ]);
    const answers = (value: string): string => `{"question": "What?", "image": 1, "answers": ${value}}\n`;
    const scores =
      "expected a list of the annotators' answers, or an object of answers with scores from 0 to 1, received";
    expect(await problemsOf('answering', answers('{"red": 1.5}') + answers('[]') + answers('"red"'))).toEqual([
      `line 1: answers.red: ${scores} 1.5`,
      `line 2: answers: ${scores} []`,
      `line 3: answers: ${scores} "red"`,
    ]);
    const phrase = (boxes: string, words = '[0, 1]'): string =>
      `{"text": "two balls", "image": 1, "phrases": [{"words": ${words}, "boxes": ${boxes}}]}\n`;
    const box = 'expected a list of boxes [x1, y1, x2, y2] in pixels, with x1 < x2 and y1 < y2, received';
    expect(
      await problemsOf(
        'grounding',
        phrase('[[1, 2, NaN, 4]]') +
          phrase('[[1, 2, null, 4]]') +
          phrase('[[9, 9, 5, 5]]') +
          phrase('[[1, 2, 1e999, 4]]') +
          phrase('[[0.1, 0.2, 0.5, 1]]') +
          phrase('[[1, 2, 3, 4]]', '[1, 2]'),
      ),
    ).toEqual([
      expect.stringContaining('; JSON has no NaN or Infinity; expected one complete record per line'),
      `line 2: phrases[0].boxes[0][2]: ${box} null`,
      `line 3: phrases[0].boxes[0]: ${box} [9,9,5,5]`,
      `line 4: phrases[0].boxes[0][2]: ${box} Infinity`,
      'line 5: expected boxes in pixels, received [0.1, 0.2, 0.5, 1], which looks like shares of the picture',
      'line 6: expected phrases of the words 0 to 1 of the text, received words [1, 2]',
    ]);
    await expect(problemsOf('grounding', '\u00ff\u00fe{\u0000')).rejects.toThrow('UTF-16; save the file as UTF-8');
    await expect(problemsOf('grounding', '[1]\n[2]\n')).rejects.toThrow('found more after the list at byte 4');
  });
});
