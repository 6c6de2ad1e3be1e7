// The processor: the authors' text forms, padding, visual types, answers.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createTokenizer } from '#platform';
import { setLogger } from '../../src/logger.js';
import { readDefinition } from '../../src/platform/tokenizers/tokenizer-definition.js';
import { AnswerVocabulary } from '../../src/processing/answer-vocabulary.js';
import { DEFAULT_BUCKETS } from '../../src/processing/batch.js';
import { VisualBertProcessor } from '../../src/processing/processor.js';
import { vqaQuestionWords } from '../../src/processing/text-forms.js';
import type { RawTensor } from '../../src/raw-tensor.js';
import type { RegionFeatures } from '../../src/features/region-features.js';
import { testWithData } from '../helpers/files/shared-data.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] what color is the dog ##s ? , ' s a b c d e".split(' ');
const tokenizer = createTokenizer({ 'vocab.txt': `${WORDS.join('\n')}\n` });
const id = (word: string): number => WORDS.indexOf(word);
const ids = (text: string): number[] => text.split(' ').map(id);
const regions = (count: number, dim: number, start = 0): RegionFeatures => ({
  count,
  dim,
  features: Float32Array.from({ length: count * dim }, (_, i) => start + i),
});
const root = temporaryFolder();
const vqa = new VisualBertProcessor({ tokenizer, task: 'vqa' });

test('an empty list of texts is refused', async () => {
  await expect(vqa({ text: [] })).rejects.toThrow('text: expected at least one text, received an empty list');
});

describe('VisualBertProcessor', () => {
  test('refuses blank texts of a task; punctuation alone is a text, as for BERT', async () => {
    const plain = new VisualBertProcessor({ tokenizer });
    for (const text of ['', ' \n']) {
      await expect(vqa({ text: ['a', text] })).rejects.toThrow(
        `text: expected a text that is not blank, received ${JSON.stringify(text)}`,
      );
      // Without a task as BertTokenizerFast.
      expect([...((await plain({ text }))['inputIds']?.data ?? [])]).toEqual(ids('[CLS] [SEP]'));
      const pair = await plain({ text: 'is', textPair: text });
      expect([...(pair['inputIds']?.data ?? [])]).toEqual(ids('[CLS] is [SEP] [SEP]'));
    }
    await expect(plain({ text: ['is', 5] as never })).rejects.toThrow('text: expected a text, received 5');
    expect([...((await plain({ text: '?' }))['inputIds']?.data ?? [])]).toEqual(ids('[CLS] ? [SEP]'));
    expect([...((await vqa({ text: '?' }))['inputIds']?.data ?? [])]).toEqual(ids('[CLS] ? [MASK] [SEP]'));
  });

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
      'expected at most 8 word pieces (maxLength), received 9',
    );
  });

  test('warns once that a text is cut, unless that is asked for', async () => {
    const plain = new VisualBertProcessor({ tokenizer });
    const warnings: string[] = [];
    setLogger({ info: () => undefined, warn: (message) => warnings.push(message) });
    try {
      await vqa({ text: 'a b c d e', maxLength: 9 }); // fits
      for (const maxLength of [7, 7, 6]) {
        await vqa({ text: 'a b c d e', maxLength, truncation: true });
        await plain.encodeText('a b c d e', undefined, { maxLength, truncation: true });
      }
      expect(warnings).toEqual([]);
      await vqa({ text: 'a b c d e', maxLength: 7 });
      await vqa({ text: 'e d c b a', maxLength: 7 });
      await plain.encodeText('a b', 'a b c d e', { maxLength: 6 });
      const rest = 'word pieces, all that the model is set to read: its end is not read';
      expect(warnings).toEqual([7, 6].map((most) => expect.stringContaining(`longer than ${most} ${rest}`)));
    } finally {
      setLogger(null);
    }
  });

  test('takes pictures in place of regions, which a detector finds', async () => {
    const known: Record<string, RegionFeatures> = { 'a.jpg': regions(3, 2), 'b.jpg': regions(1, 2, 100) };
    const detector = {
      detect: async (pictures: readonly unknown[]) =>
        pictures.map((picture) => known[String(picture)] as RegionFeatures),
    };
    const expected = await vqa({ text: ['a', 'b'], visualEmbeds: Object.values(known) });
    expect(await vqa({ text: ['a', 'b'], image: ['a.jpg', 'b.jpg'], detector })).toEqual(expected);
    const nlvr2 = new VisualBertProcessor({ tokenizer, task: 'nlvr2', detector });
    const pair = await nlvr2({ text: 'a', visualEmbeds: Object.values(known) });
    expect(await nlvr2({ text: 'a', image: ['a.jpg', 'b.jpg'] })).toEqual(pair);
    expect(await nlvr2({ text: ['a'], image: [['a.jpg', 'b.jpg']] })).toEqual(pair);
    await expect(vqa({ text: 'a', image: 'a.jpg' })).rejects.toThrow('received a picture; give a detector');
    for (const [image, received] of [
      [regions(3, 2), 'region features; they need no detector: give them as visualEmbeds'],
      [{ width: 2, height: 2, data: [] }, 'an object with width, height, data'],
      [{}, 'an empty object'],
      [new Map(), 'a value of the class Map'],
      [5, '5'],
    ])
      await expect(vqa({ text: 'a', image: image as string, detector })).rejects.toThrow(
        `image: expected a picture (a path, an address, the bytes of a file, or pixels { width, height, rgb }), received ${received as string}`,
      );
    await expect(vqa({ text: ['a', 'b'], image: ['a.jpg'], detector })).rejects.toThrow(
      'one entry for each of the 2 texts',
    );
    await expect(vqa({ text: 'a', image: 'a.jpg', visualEmbeds: regions(3, 2), detector })).rejects.toThrow(
      'image: its regions are found by a detector; leave visualEmbeds out',
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
    await expect(flickr({ text: 'a', visualEmbeds: regions(1, 2) })).rejects.toThrow(
      'boxes and the image size would complete them',
    );
    await expect(flickr({ text: 'a', visualEmbeds: regions(1, 5) })).rejects.toThrow(
      "expected regions 8 wide (the model's visualEmbeddingDim), received 5",
    );
  });

  test('keeps the first regions when there is a cap', async () => {
    const capped = new VisualBertProcessor({ tokenizer, maxRegions: 2 });
    expect((await capped({ text: 'a', visualEmbeds: regions(5, 3) }))['visualEmbeds']?.shape).toEqual([1, 2, 3]);
  });

  test('decodes logits to answers with probabilities, and asks for the list when there is none', async () => {
    const answers = new AnswerVocabulary(['<unk>', 'red', 'blue']);
    const logits = { dtype: 'float32' as const, shape: [2, 3], data: Float32Array.of(9, 0, Math.log(3), 0, 0, 0) };
    const [first, second] = await new VisualBertProcessor({ tokenizer, answers }).decodeAnswers(logits, { topK: 2 });
    expect(first?.map(({ answer }) => answer)).toEqual(['blue', 'red']);
    expect((first?.[0]?.score ?? 0) / (first?.[1]?.score ?? 1)).toBeCloseTo(3, 5);
    expect(second?.map(({ score }) => score)).toEqual([1 / 3, 1 / 3]);
    await expect(vqa.decodeAnswers(logits)).rejects.toThrow(/LABEL_0.*answers_vqa\.txt/);
  });

  test('saves its vocabulary and settings, and loads them again with the answers of the config', async () => {
    const folder = temporaryFolder();
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

  test('keeps every file that decides ids byte for byte, and gives equal ids when it is loaded again', async () => {
    const config = { 'tokenizer_config.json': '{ "do_lower_case": false, "strip_accents": false }' };
    const { json } = readDefinition({ 'vocab.txt': WORDS.join('\n'), ...config });
    const cased = {
      ...config,
      'tokenizer.json': `${JSON.stringify(json)}\n`,
      'special_tokens_map.json': '{"additional_special_tokens": ["<loc1>"]}\n',
      'added_tokens.json': '{"<loc1>": 20,   "Dog": 21}',
    };
    const [model, run] = [temporaryFolder(), temporaryFolder()];
    for (const [file, text] of Object.entries(cased)) writeFileSync(join(model, file), text);
    writeFileSync(join(run, 'vocab.txt'), 'of another model');
    const first = await VisualBertProcessor.fromPretrained(model);
    await first.savePretrained(run);
    for (const [file, text] of Object.entries(cased)) expect(readFileSync(join(run, file), 'utf8')).toBe(text);
    expect(existsSync(join(run, 'vocab.txt'))).toBe(false);
    const text = 'What dog Dog <loc1>c Is';
    const again = await VisualBertProcessor.fromPretrained(run);
    const [{ inputIds: a }, { inputIds: b }] = [await first({ text }), await again({ text })];
    expect([...(a?.data ?? [])]).toEqual([2, 1, 9, 21, 20, 17, 1, 3]);
    expect(b?.data).toEqual(a?.data);
  });

  test("takes a vocabulary in place of the model's, whose case it keeps", async () => {
    const model = temporaryFolder();
    writeFileSync(join(model, 'tokenizer_config.json'), '{"do_lower_case": false}');
    writeFileSync(join(model, 'config.json'), '{"vocab_size": 7}');
    const vocabulary = join(root, 'words.txt');
    writeFileSync(vocabulary, '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nDog\ndog\n');
    const processor = await VisualBertProcessor.fromPretrained(model, { vocabulary });
    expect([...((await processor({ text: 'Dog dog' }))['inputIds']?.data ?? [])]).toEqual([2, 5, 6, 3]);
  });

  test('names both sizes where the vocabulary is not of the size of the word table', async () => {
    const warnings: string[] = [];
    setLogger({ info: () => undefined, warn: (message) => warnings.push(message) });
    try {
      const model = temporaryFolder();
      const load = (rows: number, options = {}): Promise<VisualBertProcessor> => {
        writeFileSync(join(model, 'config.json'), JSON.stringify({ vocab_size: rows }));
        return VisualBertProcessor.fromPretrained(model, options);
      };
      writeFileSync(join(model, 'vocab.txt'), WORDS.join('\n'));
      for (const rows of [19, 22, 200, 160])
        await expect(load(rows)).rejects.toThrow(
          `the vocabulary has 20 pieces, the word table of ${model} has ${rows} rows`,
        );
      expect(warnings).toEqual([]);
      await load(24);
      expect(warnings).toEqual([expect.stringContaining('the last 4 rows count as padding')]);
      await expect(load(24, { vocabulary: join(model, 'vocab.txt') })).rejects.toThrow('20 pieces');
    } finally {
      setLogger(null);
    }
  });

  test('cuts a text to the positions of the model, and pads no batch beyond them', async () => {
    const short = new VisualBertProcessor({ tokenizer, task: 'vqa', maxPositionEmbeddings: 9 });
    expect(short.maxLength).toBe(9);
    const { inputIds } = await short({ text: 'a b c d e a b c d e', maxLength: 20 });
    expect([...(inputIds?.data ?? [])]).toEqual(ids('[CLS] a b c d e ? [MASK] [SEP]'));
    const texts = await Promise.all(['a b c', 'a b c d e'].map((text) => short.encodeText(text)));
    const batch = short.collate(
      texts.map((text) => ({ text, regions: [] })),
      { buckets: DEFAULT_BUCKETS },
    );
    expect(batch['inputIds']?.shape).toEqual([2, 9]);
    await expect(
      new VisualBertProcessor({ tokenizer, task: 'vqa', maxPositionEmbeddings: 3 })({ text: 'a' }),
    ).rejects.toThrow('expected at least 4 positions for the special tokens, received 3');
  });

  test('takes the mask token that the tokenizer has as the slot', async () => {
    const renamed = createTokenizer({
      'vocab.txt': WORDS.join('\n').replace('[MASK]', '<mask>'),
      'tokenizer_config.json': '{"mask_token":"<mask>"}',
    });
    const { inputIds } = await new VisualBertProcessor({ tokenizer: renamed, task: 'vqa' })({ text: 'a' });
    expect([...(inputIds?.data ?? [])]).toEqual(ids('[CLS] a ? [MASK] [SEP]'));
  });

  test('takes the regions of one question as [v, d] or [1, v, d], and those of several as a list', async () => {
    const data = Float32Array.from({ length: 6 }, (_, i) => i);
    const raw = (...shape: number[]): RawTensor => ({ dtype: 'float32', shape, data });
    for (const visualEmbeds of [raw(3, 2), raw(1, 3, 2)]) {
      for (const call of [
        { text: 'a', visualEmbeds },
        { text: ['a'], visualEmbeds: [visualEmbeds] },
      ]) {
        const inputs = await vqa(call);
        expect(inputs['visualEmbeds']).toEqual({ dtype: 'float32', shape: [1, 3, 2], data });
      }
    }
    await expect(vqa({ text: 'a', visualEmbeds: raw(2, 3, 1) })).rejects.toThrow(
      'received [2, 3, 1]; for a batch give a list of texts',
    );
    await expect(vqa({ text: ['a'], visualEmbeds: raw(3, 2) })).rejects.toThrow('as [b, v, d], received [3, 2]');
  });

  testWithData(
    "refuses LXMERT's answers for uclanlp's head alone",
    ['lxmert_format/vqa_trainval_label2ans.json'],
    async (path) => {
      const folder = temporaryFolder();
      await vqa.savePretrained(folder);
      const id2label = Object.fromEntries(Array.from({ length: 3129 }, (_, i) => [i, `LABEL_${i}`]));
      const write = (config: object): void =>
        writeFileSync(join(folder, 'config.json'), JSON.stringify({ id2label, ...config }));
      write({ hidden_size: 128, visual_embedding_dim: 2048 });
      expect((await VisualBertProcessor.fromPretrained(folder, { answers: path })).answers?.size).toBe(3129);
      write({ visual_embedding_dim: 2048 });
      await expect(VisualBertProcessor.fromPretrained(folder, { answers: path })).rejects.toThrow('LXMERT');
      expect((await VisualBertProcessor.fromPretrained(folder)).answers).toBeNull();
    },
  );
});
