// What pipelines warn of: inputs that fit the model and are not what it was trained with.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { setLogger } from '../../src/logger.js';
import { pipeline } from '../../src/pipelines/node-pipeline.js';
import { useBackend } from '../helpers/backend.js';
import { regionsOfImage, writeCheckpoint } from '../helpers/models/pipeline-models.js';

const ANSWERS = { 0: '<unk>', 1: 'yes', 2: 'no', 3: 'red' };

const checkpoint = async (...args: Parameters<typeof writeCheckpoint>): Promise<string> => {
  const folder = await writeCheckpoint(...args);
  return folder;
};

await useBackend();

describe('warnings', () => {
  const warnings: string[] = [];
  const collect = (): void => {
    warnings.length = 0;
    setLogger({ info: () => undefined, warn: (message) => warnings.push(message) });
  };
  afterAll(() => setLogger(null));

  test('a question without a [MASK] slot', async () => {
    collect();
    const folder = await checkpoint('VisualBertForQuestionAnswering', { task: 'plain', config: { id2label: ANSWERS } });
    const ask = await pipeline('visual-question-answering', folder, { compile: false });
    await ask({ question: 'What is it?', regions: regionsOfImage(1) });
    await ask({ question: 'Is it red?', regions: regionsOfImage(1) });
    expect(warnings).toEqual([expect.stringContaining('no [MASK] before the last [SEP]')]);
    await ask.dispose();
  });

  test('a list of answers in another order than that of the checkpoint', async () => {
    const folder = await checkpoint('VisualBertForQuestionAnswering', { task: 'vqa', config: { id2label: ANSWERS } });
    for (const [list, expected] of [
      [['<unk>', 'yes', 'no', 'red'], []],
      [['<unk>', 'no', 'yes', 'red'], [expect.stringContaining('class 1 is "no" in the given list and "yes"')]],
    ] as const) {
      collect();
      const answers = join(folder, 'answers.txt');
      writeFileSync(answers, list.join('\n'));
      await (await pipeline('visual-question-answering', folder, { compile: false, answers })).dispose();
      expect(warnings).toEqual(expected);
    }
  });

  test('a list of other answers than those of the checkpoint is an error, unless the checkpoint names none', async () => {
    const other = ['<unk>', 'yes', 'dog', 'red'];
    const load = async (config: object, answers: string | string[]): Promise<void> => {
      const folder = await checkpoint('VisualBertForQuestionAnswering', { task: 'vqa', config });
      const file = join(folder, 'answers.txt');
      writeFileSync(file, other.join('\n'));
      const given = answers === 'file' ? file : answers;
      await (await pipeline('visual-question-answering', folder, { compile: false, answers: given })).dispose();
    };
    for (const given of ['file', other])
      await expect(load({ id2label: ANSWERS }, given)).rejects.toThrow(
        'answers of another model: expected the 4 that the checkpoint\'s config.json names (id2label), among them "no", received "dog" in their place',
      );
    collect();
    await load({ numLabels: 4 }, other);
    await load({ id2label: { 0: '<unk>', 1: 'LABEL_1', 2: 'LABEL_2', 3: 'red' } }, other);
    await load({ id2label: ANSWERS }, Object.values(ANSWERS));
    expect(warnings).toEqual([]);
    await expect(load({ numLabels: 4 }, ['a', 'b'])).rejects.toThrow(
      'answers: expected answers for 4 classes, received 2 answers',
    );
    await expect(load({ numLabels: 4 }, 5 as never)).rejects.toThrow(
      'answers: expected the path of a file, or a list of texts, received 5',
    );
  });

  test('a phrase that the sentence has twice', async () => {
    collect();
    const folder = await checkpoint('VisualBertForRegionToPhraseAlignment', { task: 'flickr' });
    const ground = await pipeline('phrase-grounding', folder, { compile: false });
    const grounded = async (...phrases: (string | { first: number; last: number })[]): Promise<unknown> =>
      (await ground({ sentence: 'a red dog near a red ball .', phrases, regions: regionsOfImage(1) })).map(
        ({ regions }) => regions,
      );
    const [first, second] = [
      { first: 0, last: 1 },
      { first: 4, last: 5 },
    ];
    expect(await grounded('red ball', first, second)).toHaveLength(3);
    expect(warnings).toEqual([]);
    expect(await grounded('a red')).toEqual(await grounded(first));
    expect(warnings).toEqual([
      'phrases: the sentence has "a red" 2 times; the first is taken. Choose another by the numbers of its first and last word, { first: 4, last: 5 }, or give more of its words',
    ]);
    await ground.dispose();
  });

  test('two images for a checkpoint of one', async () => {
    collect();
    const folder = await checkpoint('VisualBertForVisualReasoning', { task: 'nlvr' });
    const judge = await pipeline('visual-reasoning', folder, { compile: false });
    await judge({ statement: 'it is red', regions: regionsOfImage(1) });
    expect(warnings).toEqual([]);
    await judge({ statement: 'it is red', regions: [regionsOfImage(1), regionsOfImage(2)] });
    expect(warnings).toEqual([expect.stringContaining('trained with type 0 only')]);
    await judge.dispose();
  });

  test('regions of the wrong width are an error that names both', async () => {
    const folder = await checkpoint('VisualBertForVisualReasoning', { task: 'nlvr' });
    const judge = await pipeline('visual-reasoning', folder, { compile: false });
    const narrow = { dtype: 'float32' as const, shape: [2, 3], data: new Float32Array(6) };
    await expect(judge({ statement: 'it is red', regions: narrow })).rejects.toThrow(
      "expected regions 5 wide (the model's visualEmbeddingDim), received 3",
    );
    await judge.dispose();
  });

  test('boxes as shares where pixels are expected, and places as pixels where shares are', async () => {
    collect();
    const config = { visualEmbeddingDim: 11 };
    const folder = await checkpoint('VisualBertForRegionToPhraseAlignment', { task: 'flickr', config });
    const ground = await pipeline('phrase-grounding', folder, { compile: false });
    const regions = regionsOfImage(1);
    const question = { sentence: 'a dog', phrases: ['dog'] };
    await ground({ ...question, regions });
    expect(warnings).toEqual([]);
    await ground({ ...question, regions: { ...regions, boxes: regions.boxes.map((x) => x / 80) } });
    expect(warnings).toEqual([expect.stringContaining('which look like shares')]);
    await ground.dispose();

    collect();
    const wide = await checkpoint('VisualBertForRegionToPhraseAlignment', {
      task: 'flickr',
      config: { visualEmbeddingDim: 2054, hiddenSize: 4, numAttentionHeads: 2 },
    });
    const groundWide = await pipeline('phrase-grounding', wide, { compile: false });
    const features = new Float32Array(2 * 2054);
    await groundWide({ ...question, regions: { features, count: 2, dim: 2054 } });
    expect(warnings).toEqual([]);
    features.set([10, 20, 110, 90, 100, 70], 2048);
    await groundWide({ ...question, regions: { features, count: 2, dim: 2054 } });
    expect(warnings).toEqual([expect.stringContaining('these look like pixels')]);
    await groundWide.dispose();
  });
});
