// Real files that no other test reads, each through its loader.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parseAnswers } from '../../src/processing/answer-vocabulary.js';
import { readCaptions } from '../../src/records/captions.js';
import { convertRecords, type ForeignFormat } from '../../src/records/foreign.js';
import { readNpy } from '../../src/formats/npy.js';
import { openRegionFeatures } from '../../src/features/open.js';
import { checkOwnRecords } from '../../src/records/own.js';
import { readVqaAnnotations, readVqaQuestions } from '../../src/records/vqa.js';
import { joinVqa } from '../../src/records/vqa-examples.js';
import { readPicture } from '../../src/pictures/decode.js';
import { testWithData } from '../helpers/files/shared-data.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const folder = temporaryFolder();
const readLines = (path: string): unknown[] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

async function converted(format: ForeignFormat, path: string): Promise<unknown[]> {
  const output = join(folder, `${format}-${basename(path)}l`);
  const { lines } = await convertRecords(format, [path], output);
  const found = readLines(output);
  expect(found).toHaveLength(lines);
  return found;
}

describe('real files', () => {
  testWithData(
    "turns GQA's questions into lines of one's own data",
    [
      'gqa/emma_gqa_questions.json',
      'gqa/allennlp_questions.json',
      'gqa/allennlp_questions0.json',
      'gqa/allennlp_questions1.json',
    ],
    async (emma, twin, ...others) => {
      const output = join(folder, 'gqa.jsonl');
      expect(await convertRecords('gqa', [emma ?? '', ...others], output)).toEqual({ records: 11, lines: 11 });
      const { records, problems } = await checkOwnRecords('answering', output);
      expect([records.length, problems]).toEqual([11, []]);
      const [same] = await converted('gqa', twin ?? ''); // one question lies in two of the files
      expect(readLines(output)).toContainEqual(same);
      expect(records[0]).toEqual({
        where: `${output}, line 1`,
        id: '142457',
        question: 'On which side is the shelf, the right or the left?',
        imageId: '2320168',
        scores: new Map([['left', 1]]),
      });
    },
  );

  testWithData(
    "takes questions, captions and statements out of LXMERT's layouts",
    ['lxmert_format/mscoco_minival_withpi.json', 'lxmert_format/matching_test.json'],
    async (sentences, matching) => {
      const questions = await converted('lxmert', sentences);
      const output = join(folder, 'lxmert-mscoco_minival_withpi.jsonl');
      const { records, problems } = await checkOwnRecords('answering', output);
      expect([records.length, problems]).toEqual([questions.length, []]);
      const captions = await converted('lxmert-captions', sentences);
      expect(questions.length + captions.length).toBe(5264); // every sentence once
      expect(await readCaptions(join(folder, 'lxmert-captions-mscoco_minival_withpi.jsonl'))).toHaveLength(
        captions.length,
      );
      expect(questions.find((line) => (line as { id: string }).id === 'COCO_val2014_000000368978-vqa-1')).toEqual({
        id: 'COCO_val2014_000000368978-vqa-1',
        question: 'Is the plane coming or going?',
        image: 'COCO_val2014_000000368978',
        answers: { coming: 1, going: 1, yes: 0.3 },
      });
      const [first] = await converted('lxmert-matching', matching);
      expect(first).toEqual({
        id: '262144000',
        text: 'These man are batters.',
        image: 'COCO_test2015_000000262144',
        label: 'True',
      });
      expect(await converted('lxmert', matching)).toHaveLength(8);
    },
  );

  testWithData(
    "turns Visual Genome's regions into phrases to ground, and its answers into VQA's spelling",
    ['visual_genome/vg_regions.json', 'visual_genome/vgqa_question_answers.json'],
    async (regions, questions) => {
      const lines = await converted('visual-genome-regions', regions);
      const { records, problems } = await checkOwnRecords(
        'grounding',
        join(folder, 'visual-genome-regions-vg_regions.jsonl'),
      );
      expect([records.length, problems]).toEqual([lines.length, []]);
      expect(lines[0]).toEqual({
        id: '1382',
        text: 'the clock is green in colour',
        image: '1',
        phrases: [{ words: [0, 5], boxes: [[421, 57, 503, 196]] }],
      });
      expect((await converted('visual-genome-qa', questions))[0]).toEqual({
        id: '987278',
        question: 'What is on the curtains?',
        image: '4',
        answers: { sailboats: 1 },
      });
    },
  );

  test("turns Hateful Memes' lines into statements about pictures, with and without labels", async () => {
    const path = join(folder, 'dev.jsonl');
    const lines = [
      { id: 8291, img: 'img/08291.png', label: 1, text: 'white people is this a shooting range' },
      { id: 16395, img: 'img/16395.png', text: 'bravery at its finest' },
    ];
    writeFileSync(path, lines.map((line) => JSON.stringify(line)).join('\n'));
    await converted('hateful-memes', path);
    const { records, problems } = await checkOwnRecords('classification', join(folder, 'hateful-memes-dev.jsonll'));
    expect(problems).toEqual([]);
    expect(records).toEqual([
      { where: expect.stringMatching(/, line 1$/), id: '8291', text: lines[0]?.text, imageIds: ['08291'], label: '1' },
      {
        where: expect.stringMatching(/, line 2$/),
        id: '16395',
        text: lines[1]?.text,
        imageIds: ['16395'],
        label: null,
      },
    ]);
  });

  test('names the record that does not convert, and removes its file', async () => {
    const convert = (format: ForeignFormat, content: string): Promise<unknown> => {
      writeFileSync(join(folder, 'bad.json'), content);
      return convertRecords(format, [join(folder, 'bad.json')], join(folder, 'bad.jsonl'));
    };
    await expect(convert('gqa', '{"1": {"question": "Who?"}}')).rejects.toThrow(
      'bad.json, member 1: expected the id field "imageId", received none',
    );
    await expect(convert('gqa', '[]')).rejects.toThrow('expected a JSON object, found "[]"');
    await expect(convert('gqa', '{"1": {"question": "Who?"')).rejects.toThrow('cut short');
    await expect(convert('visual-genome-regions', '[{"regions": [{"phrase": "a"}]}]')).rejects.toThrow(
      'record 0, regions 0: expected the number field "x"',
    );
    await expect(convert('lxmert-captions', '[{"img_id": "1"}]')).rejects.toThrow(
      'expected records of lxmert-captions, found none',
    );
    expect(existsSync(join(folder, 'bad.jsonl'))).toBe(false);
  });

  for (const [name, questions, annotations, count] of [
    ['val2014', 'emma/v2_OpenEnded_mscoco_val2014_questions.json', 'emma/v2_mscoco_val2014_annotations.json', 3],
    ['the first 300', 'sample300/questions.json', 'sample300/annotations.json', 300],
    ['the images with .pt features', 'joins/emma_pt_coco.questions.json', 'joins/emma_pt_coco.annotations.json', 4],
    ['the training subset', 'timbmg_subset/vqa_questions_train.gzip', 'timbmg_subset/vqa_annotatons_train.gzip', null],
  ] as const) {
    testWithData(
      `joins VQA's questions and annotations of ${name}, each of a known question type`,
      [`vqa_v2/${questions}`, `vqa_v2/${annotations}`, 'vqa_v2/mscoco_question_types.txt'],
      async (questionPath, annotationPath, typesPath) => {
        const found = joinVqa(await readVqaQuestions(questionPath), await readVqaAnnotations(annotationPath));
        if (count !== null) expect(found).toHaveLength(count);
        const types = new Set([
          ...readFileSync(typesPath, 'utf8')
            .split('\n')
            .map((type) => type.trim()),
          'none of the above',
        ]);
        expect(found.filter(({ annotation }) => !types.has(annotation?.questionType ?? ''))).toEqual([]);
      },
    );
  }

  testWithData(
    'reads test-dev questions, which have no annotations',
    ['vqa_v2/emma/v2_OpenEnded_mscoco_test-dev2015_questions.json'],
    async (path) => expect(await readVqaQuestions(path)).toHaveLength(5),
  );

  testWithData(
    "reads COCO's captions and the result files of captioners, and says what boxes lack",
    [
      'coco_captions/coco_captions_train.json',
      'coco_captions/coco_captions_valid.json',
      'coco_captions/captions_val2014_fakecap_results.json',
      'coco_captions/instances_val2014_fakebbox100_results.json',
    ],
    async (train, valid, results, boxes) => {
      const counts = await Promise.all([train, valid, results].map(async (path) => (await readCaptions(path)).length));
      expect(counts).toEqual([49, 4, 1000]);
      await expect(readCaptions(boxes)).rejects.toThrow(
        'record 0: expected the text field "caption", received none (the record has image_id, category_id, bbox, score)',
      );
    },
  );

  testWithData(
    "reads GQA's answers in both of LXMERT's files alike",
    ['lxmert_format/gqa_trainval_label2ans.json', 'lxmert_format/gqa_trainval_ans2label.json'],
    (byClass, byAnswer) => {
      const [first, second] = [byClass, byAnswer].map((path) => parseAnswers(readFileSync(path, 'utf8'), path).answers);
      expect(first).toHaveLength(1842);
      expect(second).toEqual(first);
    },
  );

  testWithData(
    'decodes real photographs in JPEG and PNG to the bytes that Pillow has',
    ['photos/000000397133.jpg', 'photos/rocket.jpg', 'photos/chelsea.png', 'photos/coffee.png'],
    async (...paths) => {
      const sums: number[][] = [];
      for (const path of paths) {
        const { width, height, rgb } = await readPicture(path, { as: 'stored' });
        sums.push([width, height, rgb.reduce((sum, value) => sum + value, 0)]);
      }
      expect(sums).toEqual([
        [640, 427, 51044401],
        [640, 427, 53516744],
        [451, 300, 46802357],
        [600, 400, 71003487],
      ]);
    },
  );

  testWithData(
    'makes features of real photographs in PNG, and of a picture of CLEVR',
    ['photos/chelsea.png', 'photos/coffee.png', 'region_features/clevr_npy/val_img_000043.png'],
    async (...paths) => {
      mkdirSync(join(folder, 'pictures'));
      for (const path of paths) copyFileSync(path, join(folder, 'pictures', basename(path)));
      const source = await openRegionFeatures(join(folder, 'pictures'), { grid: 4, cells: 2 });
      for (const id of source.ids()) {
        const { count, features, imageWidth, imageHeight } = await source.read(id);
        expect([count, features.every((value) => Number.isFinite(value)), (imageWidth ?? 0) > 300]).toEqual([
          16,
          true,
          true,
        ]);
        expect(imageHeight).toBe({ chelsea: 300, coffee: 400, val_img_000043: 320 }[id]);
      }
      await source.close();
    },
  );

  testWithData(
    'reads the pictures of SHAPES, which are not regions of an image',
    ['shapes/train.tiny.input.npy', 'shapes/train.tiny.output'],
    async (pictures, truths) => {
      const { shape } = readNpy(readFileSync(pictures), pictures);
      expect(shape).toEqual([readFileSync(truths, 'utf8').trim().split('\n').length, 30, 30, 3]);
      mkdirSync(join(folder, 'shapes'));
      copyFileSync(pictures, join(folder, 'shapes', '1.npy'));
      await expect(openRegionFeatures(join(folder, 'shapes'))).rejects.toThrow('[64, 30, 30, 3]');
    },
  );

  testWithData(
    'makes features of the pictures inside the archives of easy-VQA and NLVR',
    ['easy_vqa/train_images.tar.gz', 'easy_vqa/train/questions.json', 'nlvr1/train_examples_images.tar.gz'],
    async (easy, questions, nlvr) => {
      for (const [name, archive] of [
        ['easy', easy],
        ['nlvr', nlvr],
      ] as const) {
        mkdirSync(join(folder, name));
        execFileSync('tar', ['-xzf', archive, '-C', join(folder, name)]);
      }
      const source = await openRegionFeatures(join(folder, 'easy'), { grid: 2, cells: 2 });
      const asked = JSON.parse(readFileSync(questions, 'utf8')) as [string, string, number][];
      expect(asked.filter(([, , image]) => !source.has(String(image)))).toEqual([]);
      expect((await source.read('0')).count).toBe(4);
      const statements = await openRegionFeatures(join(folder, 'nlvr'), { grid: 2, cells: 2 });
      expect((await statements.read([...statements.ids()][0] ?? '')).count).toBe(4);
      await Promise.all([source.close(), statements.close()]);
    },
  );
});
