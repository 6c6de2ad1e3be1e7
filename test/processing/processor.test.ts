// The processor: the authors' text forms, padding, visual types, answers.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createTokenizer } from '#platform';
import { AnswerVocabulary } from '../../src/processing/answer-vocabulary.js';
import { VisualBertProcessor } from '../../src/processing/processor.js';
import { vqaQuestionWords } from '../../src/processing/text-forms.js';
import type { RegionFeatures } from '../../src/features/region-features.js';
import { testWithData } from '../helpers/shared-data.js';

const WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] what color is the dog ##s ? , ' s a b c d e".split(' ');
const tokenizer = createTokenizer({ vocabulary: WORDS.join('\n') });
const id = (word: string): number => WORDS.indexOf(word);
const ids = (text: string): number[] => text.split(' ').map(id);
const regions = (count: number, dim: number, start = 0): RegionFeatures => ({
  count,
  dim,
  features: Float32Array.from({ length: count * dim }, (_, i) => start + i),
});
const vqa = new VisualBertProcessor({ tokenizer, task: 'vqa' });

describe('VisualBertProcessor', () => {
  test('ends a question in ? [MASK] [SEP], the slot of the answer head', async () => {
    const { inputIds, attentionMask, tokenTypeIds } = await vqa({ text: 'What color is the dog?' });
    expect([...(inputIds?.data ?? [])]).toEqual(ids('[CLS] what color is the dog ? [MASK] [SEP]'));
    expect(inputIds?.shape).toEqual([1, 9]);
    expect([...(attentionMask?.data ?? [])]).toEqual(Array(9).fill(1));
    expect([...(tokenTypeIds?.data ?? [])]).toEqual(Array(9).fill(0));
  });

  test("writes a question as the authors' data does", () => {
    expect(vqaQuestionWords("What's the dog's name, is it 3.5?")).toBe("what ' s the dog ' s name is it 3 . 5");
    expect(vqaQuestionWords('  Café-au-lait_x?? ')).toBe('café - au - lait_x');
  });

  test('keeps the [MASK] slot when a long question is cut', async () => {
    const { inputIds } = await vqa({ text: 'a b c d e a b c d e', maxLength: 8 });
    expect([...(inputIds?.data ?? [])]).toEqual(ids('[CLS] a b c d ? [MASK] [SEP]'));
    await expect(vqa({ text: 'a b c d e', maxLength: 8, truncation: false })).rejects.toThrow(
      '9 word pieces are more than maxLength 8',
    );
  });

  test('pads a batch at the end and masks the padding of text and regions', async () => {
    const inputs = await vqa({ text: ['a', 'a b c'], visualEmbeds: [regions(3, 2), regions(1, 2, 100)] });
    expect(inputs['inputIds']?.shape).toEqual([2, 7]);
    expect([...(inputs['inputIds']?.data ?? [])].slice(0, 7)).toEqual(ids('[CLS] a ? [MASK] [SEP] [PAD] [PAD]'));
    expect([...(inputs['attentionMask']?.data ?? [])]).toEqual([1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1]);
    expect(inputs['visualEmbeds']).toMatchObject({ dtype: 'float32', shape: [2, 3, 2] });
    expect([...(inputs['visualEmbeds']?.data ?? [])]).toEqual([0, 1, 2, 3, 4, 5, 100, 101, 0, 0, 0, 0]);
    expect([...(inputs['visualAttentionMask']?.data ?? [])]).toEqual([1, 1, 1, 1, 0, 0]);
    expect([...(inputs['visualTokenTypeIds']?.data ?? [])]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test('joins two images for NLVR2 with visual types 0 and 1', async () => {
    const nlvr2 = new VisualBertProcessor({ tokenizer, task: 'nlvr2' });
    const inputs = await nlvr2({ text: 'a b', visualEmbeds: [regions(2, 1), regions(3, 1, 10)] });
    expect([...(inputs['inputIds']?.data ?? [])]).toEqual(ids('[CLS] a b [SEP]'));
    expect([...(inputs['visualEmbeds']?.data ?? [])]).toEqual([0, 1, 10, 11, 12]);
    expect([...(inputs['visualTokenTypeIds']?.data ?? [])]).toEqual([0, 0, 1, 1, 1]);
  });

  test('gives a pair two segments and cuts both from the front', async () => {
    const plain = new VisualBertProcessor({ tokenizer });
    const pair = await plain({ text: 'a b', textPair: 'c d e' });
    expect([...(pair['inputIds']?.data ?? [])]).toEqual(ids('[CLS] a b [SEP] c d e [SEP]'));
    expect([...(pair['tokenTypeIds']?.data ?? [])]).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
    const cut = await plain({ text: 'a b', textPair: 'a b c d e', maxLength: 8 });
    expect([...(cut['inputIds']?.data ?? [])]).toEqual(ids('[CLS] a b [SEP] c d e [SEP]'));
  });

  test('takes arrays with a shape and batches [b, v, d], and pads to maxLength when asked', async () => {
    const data = Float32Array.from({ length: 12 }, (_, i) => i);
    const raw = { dtype: 'float32' as const, shape: [2, 3, 2], data };
    const inputs = await vqa({ text: ['a', 'b'], visualEmbeds: raw, padding: 'max_length', maxLength: 10 });
    expect(inputs['inputIds']?.shape).toEqual([2, 10]);
    expect([...(inputs['visualEmbeds']?.data ?? [])]).toEqual([...data]);
    await expect(vqa({ text: ['a', 'b c'], padding: false })).rejects.toThrow('set padding to true');
    await expect(vqa({ text: ['a', 'b'], visualEmbeds: [regions(1, 2)] })).rejects.toThrow(
      'one entry for each of the 2 texts, received 1',
    );
  });

  test('appends places to reach the width of the Flickr30k model, and names both widths otherwise', async () => {
    const flickr = new VisualBertProcessor({ tokenizer, task: 'flickr', visualEmbeddingDim: 8 });
    const inputs = await flickr({
      text: 'a',
      visualEmbeds: regions(1, 2),
      boxes: [[20, 10, 60, 40]],
      imageSize: [80, 40],
    });
    expect([...(inputs['visualEmbeds']?.data ?? [])]).toEqual([0, 1, 0.25, 0.25, 0.75, 1, 0.5, 0.75]);
    await expect(flickr({ text: 'a', visualEmbeds: regions(1, 2) })).rejects.toThrow('with boxes and the image size');
    await expect(flickr({ text: 'a', visualEmbeds: regions(1, 5) })).rejects.toThrow(
      "expected regions 8 wide (the model's visualEmbeddingDim), received 5",
    );
  });

  test('keeps the first regions when there is a cap', async () => {
    const capped = new VisualBertProcessor({ tokenizer, maxRegions: 2 });
    expect((await capped({ text: 'a', visualEmbeds: regions(5, 3) }))['visualEmbeds']?.shape).toEqual([1, 2, 3]);
  });

  test('decodes logits to answers with probabilities, and asks for the list when there is none', () => {
    const answers = new AnswerVocabulary(['<unk>', 'red', 'blue']);
    const logits = { dtype: 'float32' as const, shape: [2, 3], data: Float32Array.of(9, 0, Math.log(3), 0, 0, 0) };
    const [first, second] = new VisualBertProcessor({ tokenizer, answers }).decodeAnswers(logits, { topK: 2 });
    expect(first?.map(({ answer }) => answer)).toEqual(['blue', 'red']);
    expect((first?.[0]?.score ?? 0) / (first?.[1]?.score ?? 1)).toBeCloseTo(3, 5);
    expect(second?.map(({ score }) => score)).toEqual([1 / 3, 1 / 3]);
    expect(() => vqa.decodeAnswers(logits)).toThrow(/LABEL_0.*answers_vqa\.txt/);
  });

  test('saves its vocabulary and settings, and loads them again with the answers of the config', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'processor-'));
    await new VisualBertProcessor({ tokenizer, task: 'vqa', maxLength: 20, maxRegions: 36 }).savePretrained(folder);
    writeFileSync(
      join(folder, 'config.json'),
      JSON.stringify({ id2label: { 0: 'yes', 1: 'no' }, visual_embedding_dim: 4 }),
    );
    const loaded = await VisualBertProcessor.fromPretrained(folder);
    expect([loaded.task, loaded.maxLength, loaded.maxRegions, loaded.visualEmbeddingDim]).toEqual(['vqa', 20, 36, 4]);
    expect(loaded.answers?.answers).toEqual(['yes', 'no']);
    expect(readFileSync(join(folder, 'vocab.txt'), 'utf8')).toBe(`${WORDS.join('\n')}\n`);
    expect((await loaded({ text: 'the dogs' }))['inputIds']?.data).toEqual(
      (await vqa({ text: 'the dogs' }))['inputIds']?.data,
    );
  });

  testWithData(
    "refuses LXMERT's answers for a head of 3129 classes without names",
    ['lxmert_format/vqa_trainval_label2ans.json'],
    async (path) => {
      const folder = mkdtempSync(join(tmpdir(), 'processor-'));
      await vqa.savePretrained(folder);
      const id2label = Object.fromEntries(Array.from({ length: 3129 }, (_, i) => [i, `LABEL_${i}`]));
      writeFileSync(join(folder, 'config.json'), JSON.stringify({ id2label }));
      await expect(VisualBertProcessor.fromPretrained(folder, { answers: path })).rejects.toThrow('LXMERT');
      expect((await VisualBertProcessor.fromPretrained(folder)).answers).toBeNull();
    },
  );
});
