// The VQA task on real questions with real region features, and on easy-VQA.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { encodePng } from '../../../src/pictures/png.js';
import type { RawTensor } from '../../../src/raw-tensor.js';
import { openTask } from '../../../src/tasks/open-task.js';
import type { VqaTaskExample } from '../../../src/tasks/answering/vqa.js';
import { writeFeatureFolder } from '../../helpers/files/numpy-files.js';
import { testWithData } from '../../helpers/files/shared-data.js';
import { expectSharedMetric } from '../../helpers/shared-metric.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const seeding = { seed: 0, epoch: 0, training: true };
const context = { purpose: 'train', model: null } as const;
const folder = temporaryFolder();

/** Logits that choose the given class in each row. */
function choose(classes: number[], c: number): Record<string, RawTensor> {
  const data = new Float32Array(classes.length * c);
  classes.forEach((index, i) => (data[i * c + index] = 1));
  return { logits: { dtype: 'float32', shape: [classes.length, c], data } };
}

describe('VQA task', () => {
  testWithData(
    'makes batches of real questions on real features, scores them officially and writes result.json',
    [
      'vqa_v2/joins/obj36_tsv.questions.json',
      'vqa_v2/joins/obj36_tsv.annotations.json',
      'region_features/lxmert_tsv/train2014_obj36.tsv',
      'bert_base_uncased/vocab.txt',
    ],
    async (questions, annotations, tsv, vocabulary) => {
      const features = join(folder, 'obj36.tsv');
      copyFileSync(tsv, features);
      const answersPath = join(folder, 'answers.txt');
      writeFileSync(answersPath, '<unk>\nyes\nno\n2\nwhite\n');
      const { task, data, config, processor, createPredictions, close } = await openTask(
        'vqa',
        { questions, annotations, features, vocabulary, answers: answersPath, maxRegions: 20 },
        context,
      );
      expect(config).toMatchObject({
        vocabSize: 30522,
        visualEmbeddingDim: 2048,
        id2label: { 0: '<unk>', 4: 'white' },
      });
      const examples = (await Promise.all([0, 1, 2, 3, 4, 5].map((i) => data.example(i)))) as VqaTaskExample[];
      expect(data.sizeOf?.(0).regions).toBe(20);
      const { inputs, count } = await task.collate(examples, seeding);
      expect(count).toBe(6);
      expect(inputs['visualEmbeds']?.shape).toEqual([6, 36, 2048]);
      expect(Array.from(inputs['visualAttentionMask']?.data ?? []).filter((mask) => mask === 1).length).toBe(6 * 20);
      const longest = Math.max(...examples.map(({ text }) => text.ids.length));
      expect(longest).toBeGreaterThan(16);
      expect(inputs['inputIds']?.shape).toEqual([6, 24]);
      const ending = processor.tokenizer.tokens(
        [...(inputs['inputIds']?.data ?? [])].slice(0, examples[0]?.text.ids.length).slice(-3),
      );
      expect(ending).toEqual(['?', '[MASK]', '[SEP]']);
      expect(inputs['labels']?.shape).toEqual([6, 5]);
      expect(Math.max(...(inputs['labels']?.data ?? []))).toBe(1);

      const metric = task.createMetric();
      metric.update(examples, choose([1, 1, 1, 1, 1, 1], 5));
      expectSharedMetric(task, examples, choose([1, 0, 1, 2, 1, 1], 5));
      const expected = JSON.parse(readFileSync(annotations, 'utf8')) as {
        annotations: { answers: { answer: string }[] }[];
      };
      const yesScore = expected.annotations.map(
        ({ answers }) => answers.filter(({ answer }) => answer === 'yes').length,
      );
      expect(metric.compute()['accuracy']).toBeGreaterThanOrEqual(
        (100 * yesScore.filter((n) => n >= 4).length) / 6 - 0.01,
      );

      const predictions = createPredictions();
      predictions.update(examples, choose([1, 2, 3, 4, 1, 2], 5));
      await predictions.write(join(folder, 'result.json'));
      const results = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as {
        question_id: number;
        answer: string;
      }[];
      expect(results.map(({ answer }) => answer)).toEqual(['yes', 'no', '2', 'white', 'yes', 'no']);
      expect(results[0]?.question_id).toBe(Number(examples[0]?.record.questionId));
      await close();
    },
  );

  testWithData(
    'reads easy-VQA with patches of its pictures as regions; the controls take the picture away',
    ['easy_vqa/test/questions.json', 'easy_vqa/test_images.tar.gz', 'easy_vqa/answers.txt'],
    async (questions, archive, answers) => {
      execFileSync('tar', ['-xzf', archive, '-C', folder]);
      const open = (regions: string): ReturnType<typeof openTask> =>
        openTask('vqa', { questions, features: folder, answers, regions }, context);
      const { data, config, task, close } = await open('real');
      expect(data.length).toBe(9673);
      expect(config).toMatchObject({ visualEmbeddingDim: 8 * 8 * 3 + 6, id2label: { 0: 'circle', 12: 'no' } });
      const example = (await data.example(0)) as VqaTaskExample;
      const { inputs } = await task.collate([example], seeding);
      expect(inputs['visualEmbeds']?.shape).toEqual([1, 64, 198]);
      expect([...(inputs['labels']?.data ?? [])].filter((score) => score === 1)).toHaveLength(1);
      const zeroed = (await (await open('zeroed')).data.example(0)) as VqaTaskExample;
      expect(zeroed.regions[0]?.features.every((value) => value === 0)).toBe(true);
      const shuffled = (await (await open('shuffled')).data.example(0)) as VqaTaskExample;
      expect(shuffled.regions[0]?.features).not.toEqual(example.regions[0]?.features);
      await close();
      // Both splits number their pictures from 0, so validation needs its own.
      const other = temporaryFolder();
      mkdirSync(join(other, 'images'));
      writeFileSync(
        join(other, 'images', '0.png'),
        encodePng({ width: 64, height: 64, rgb: new Uint8Array(64 * 64 * 3) }),
      );
      const one = join(other, 'questions.json');
      writeFileSync(one, '[["is it black?", "yes", 0]]');
      const both = await openTask(
        'vqa',
        { questions, features: folder, answers, validationQuestions: one, validationFeatures: join(other, 'images') },
        context,
      );
      const [train, held] = (await Promise.all([
        both.data.example(0),
        both.validation?.example(0),
      ])) as VqaTaskExample[];
      expect(train?.regions[0]?.features).toEqual(example.regions[0]?.features);
      expect(held?.regions[0]?.features.subarray(0, 192).every((value) => value === -2)).toBe(true);
      await both.close();
    },
  );

  test('keeps questions of several files apart, also when they share an id', async () => {
    const write = (name: string, content: unknown): string => {
      writeFileSync(join(folder, name), JSON.stringify(content));
      return join(folder, name);
    };
    const answers = (answer: string): object[] => Array.from({ length: 10 }, (_, i) => ({ answer, answer_id: i }));
    const annotation = (answer: string): object => ({ annotations: [{ question_id: 7, answers: answers(answer) }] });
    const questions = { questions: [{ question_id: 7, image_id: 0, question: 'Is it red?' }] };
    const common = { features: writeFeatureFolder(join(folder, 'one'), ['0'], 2, 3), answers: write('two.json', ['no', 'yes']) }; // prettier-ignore
    const official = {
      questions: [write('q1.json', questions), write('q2.json', questions)],
      annotations: [write('a1.json', annotation('yes')), write('a2.json', annotation('no'))],
    };
    const easy = { questions: [write('e1.json', [['Red?', 'yes', 0]]), write('e2.json', [['Red?', 'no', 0]])] };
    for (const [files, ids] of [
      [official, ['7', '7']],
      [easy, ['0', '1']],
    ] as const) {
      const { task, data } = await openTask('vqa', { ...files, ...common }, context);
      const examples = (await Promise.all([0, 1].map((i) => data.example(i)))) as VqaTaskExample[];
      expect(examples.map(({ record }) => record.questionId)).toEqual(ids);
      const metric = task.createMetric();
      metric.update(examples, choose([1, 0], 2));
      expect(metric.compute()).toMatchObject({ accuracy: 100 });
    }
  });

  test('reports what is missing or does not match', async () => {
    const questions = join(folder, 'q.json');
    writeFileSync(questions, JSON.stringify({ questions: [{ question_id: 1, image_id: 9, question: 'a b' }] }));
    writeFileSync(
      join(folder, 'f.tsv'),
      [
        '8',
        1,
        1,
        1,
        Buffer.from(new Float32Array(4).buffer).toString('base64'),
        Buffer.from(new Float32Array(2).buffer).toString('base64'),
      ].join('\t'),
    );
    const features = join(folder, 'f.tsv');
    await expect(openTask('vqa', { questions, features }, context)).rejects.toThrow('to train, give the annotations');
    const annotations = join(folder, 'a.json');
    writeFileSync(annotations, JSON.stringify({ annotations: [{ question_id: 1, answers: [{ answer: 'x' }] }] }));
    await expect(openTask('vqa', { questions, features, annotations, minimumAnswerCount: 1 }, context)).rejects.toThrow(
      'no region features for question 1 (image 9)',
    );
    await expect(openTask('vqa', { questions, features, annotations }, context)).rejects.toThrow(
      'lower the minimum count',
    );
    const answers = join(folder, 'other-answers.json');
    writeFileSync(answers, JSON.stringify(['no', 'yes']));
    const other = { questions, features, annotations, answers };
    const text = 'task vqa: none of 1 answered question has an answer among the 2 answers of';
    await expect(openTask('vqa', other, context)).rejects.toThrow(text);
    await expect(openTask('vqa', { questions, feature: features }, context)).rejects.toThrow(
      /unknown feature; known: questions/,
    );
    await expect(openTask('gqa', {}, context)).rejects.toThrow(
      /^task: expected one of vqa, nlvr, nlvr2, vcr.*, received gqa$/,
    );
  });
});
