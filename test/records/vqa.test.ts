// VQA files: real ones in all layouts, and errors for damaged ones.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { readVqaAnnotations, readVqaQuestions } from '../../src/records/vqa.js';
import { joinVqa } from '../../src/records/vqa-examples.js';
import { testWithData } from '../helpers/files/shared-data.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const folder = temporaryFolder();
function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}
const question = (id: number): object => ({ question_id: id, image_id: 9, question: 'What?' });

describe('VQA records', () => {
  for (const [split, count] of [
    ['test', 2962],
    ['valid', 8977],
  ] as const) {
    testWithData(
      `reads and joins the ${count} gzip questions of ${split}`,
      [`vqa_v2/timbmg_subset/vqa_questions_${split}.gzip`, `vqa_v2/timbmg_subset/vqa_annotatons_${split}.gzip`],
      async (questions, annotations) => {
        const examples = joinVqa(await readVqaQuestions(questions), await readVqaAnnotations(annotations));
        expect(examples).toHaveLength(count);
        expect(examples.every(({ annotation }) => annotation?.answers.length === 10)).toBe(true);
      },
    );
  }

  testWithData(
    'reads files indented with tabs, files without answer types, and ids that are texts',
    [
      'vqa_v2/emma/v2_OpenEnded_mscoco_train2014_questions.json',
      'vqa_v2/emma/v2_mscoco_train2014_annotations.json',
      'vqa_v2/allennlp/questions.json',
      'vqa_v2/allennlp/annotations.json',
      'vqa_format_other/textvqa_val_questions.first300.json',
      'vqa_format_other/textvqa_val_annotations.first300.json',
      'vqa_format_other/vizwiz_val_questions.first300.json',
      'vqa_format_other/vizwiz_val_annotations.first300.json',
    ],
    async (...paths) => {
      const counts: number[] = [];
      for (let i = 0; i < paths.length; i += 2) {
        const questions = await readVqaQuestions(paths[i] ?? '');
        counts.push(joinVqa(questions, await readVqaAnnotations(paths[i + 1] ?? '')).length);
      }
      expect(counts).toEqual([53, 3, 300, 300]);
      const [first] = await readVqaQuestions(paths[4] ?? '');
      expect(first).toEqual({
        questionId: '34602',
        imageId: '003a8ae2ef43b901',
        question: 'what is the brand of this camera?',
      });
    },
  );

  testWithData(
    'reads test questions, which have no annotations',
    ['vqa_v2/emma/v2_OpenEnded_mscoco_test2015_questions.json'],
    async (path) => {
      expect(joinVqa(await readVqaQuestions(path), null).map(({ annotation }) => annotation)).toEqual([
        null,
        null,
        null,
        null,
        null,
      ]);
    },
  );

  test('names the record that is wrong', async () => {
    const write = (questions: unknown): string =>
      file('questions.json', JSON.stringify({ info: { a: ['}', '\\"'] }, questions }));
    await expect(readVqaQuestions(write([question(1), { question_id: 2 }]))).rejects.toThrow(
      /questions\.json, record 1: expected the id field "image_id", received none \(the record has question_id\)/,
    );
    await expect(readVqaQuestions(write([question(7), question(7)]))).rejects.toThrow(
      /record 1: question 7 also occurs in .*record 0/,
    );
    await expect(readVqaQuestions(write([[1]]))).rejects.toThrow('record 0: expected an object');
    await expect(readVqaQuestions(file('other.json', '{"images": []}'))).rejects.toThrow(
      'expected a list "questions", found the members images',
    );
  });

  test('tells a file that is cut short, damaged, empty or absent', async () => {
    const text = JSON.stringify({ questions: [question(1), question(2)] });
    for (let cut = 1; cut < text.length; cut += 7) {
      await expect(readVqaQuestions(file('cut.json', text.slice(0, cut)))).rejects.toThrow(/cut\.json/);
    }
    await expect(readVqaQuestions(file('bad.json', text.replace('What?"', 'What?')))).rejects.toThrow(/bad\.json/);
    await expect(readVqaQuestions(file('empty.json', ''))).rejects.toThrow('found nothing');
    await expect(readVqaQuestions(file('page.html', '<html>'))).rejects.toThrow('"<html>"');
    await expect(readVqaQuestions(file('bad.gz', gzipSync(text).subarray(0, 40)))).rejects.toThrow(
      'bad.gz: cannot be read',
    );
    await expect(readVqaQuestions(join(folder, 'absent.json'))).rejects.toThrow('absent.json: cannot be read');
  });

  test('refuses questions and annotations of different splits', async () => {
    const questions = await readVqaQuestions(file('q.json', JSON.stringify({ questions: [question(1), question(2)] })));
    const annotation = (id: number): object => ({ question_id: id, answers: [{ answer: 'x' }] });
    const annotations = await readVqaAnnotations(
      file('a.json', JSON.stringify({ annotations: [annotation(1), annotation(3)] })),
    );
    expect(() => joinVqa(questions, annotations)).toThrow('question 2 has no annotation');
    expect(() => joinVqa(questions.slice(0, 1), annotations)).toThrow(
      'annotations without a question: 3; give the questions of the same split',
    );
  });
});
