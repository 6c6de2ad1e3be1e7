// Pre-training on captions: masking, pairing, reproducible batches, metrics.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createTokenizer } from '#platform';
import { maskedInputs, maskText } from '../../../src/processing/masking.js';
import { uniformValues } from '../../../src/random/values.js';
import type { RawTensor } from '../../../src/raw-tensor.js';
import { openTask } from '../../../src/tasks/open-task.js';
import { writeFeatureFolder } from '../../helpers/files/numpy-files.js';
import { testWithData } from '../../helpers/files/shared-data.js';
import { expectSharedMetric } from '../../helpers/shared-metric.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const folder = temporaryFolder();
const tokenizer = createTokenizer({
  'vocab.txt': ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...'abcdefghijklmnopqrstuvwxyz'].join('\n'),
});

describe('masking', () => {
  test('asks for 15% of the pieces: 80% hidden, 10% replaced by any piece, 10% kept; never [CLS] and [SEP]', () => {
    const ids = [2, ...Array.from({ length: 98 }, (_, i) => 5 + (i % 26)), 3];
    const text = { ids, typeIds: ids.map(() => 0) };
    const counts = { asked: 0, masked: 0, kept: 0, wrong: 0 };
    const runs = 400;
    for (let seed = 0; seed < runs; seed++) {
      const masked = maskText(text, tokenizer, uniformValues(200, seed, 0, 1));
      masked.positions.forEach((at, i) => {
        if (at === 0 || at === 99 || masked.labels[i] !== ids[at]) counts.wrong += 1;
        counts.asked += 1;
        if (masked.text.ids[at] === 4) counts.masked += 1;
        else if (masked.text.ids[at] === ids[at]) counts.kept += 1;
      });
      counts.wrong += ids.filter((id, at) => !masked.positions.includes(at) && masked.text.ids[at] !== id).length;
    }
    expect(counts.wrong).toBe(0);
    // Five standard deviations of the binomial counts; a replaced piece is [MASK] or itself once in 31 times.
    const near = (count: number, n: number, p: number): void =>
      expect(Math.abs(count - n * p)).toBeLessThan(5 * Math.sqrt(n * p * (1 - p)));
    near(counts.asked, runs * 98, 0.15);
    near(counts.masked, counts.asked, 0.8 + 0.1 / 31);
    near(counts.kept, counts.asked, 0.1 + 0.1 / 31);
  });

  test('pads the asked positions of a batch to a bucket with labels that no loss counts', () => {
    const text = { ids: [], typeIds: [] };
    const { maskedPositions, labels } = maskedInputs([
      { text, positions: [3], labels: [7] },
      { text, positions: [1, 2], labels: [8, 9] },
    ]);
    expect(maskedPositions.shape).toEqual([2, 4]);
    expect([...maskedPositions.data]).toEqual([3, 0, 0, 0, 1, 2, 0, 0]);
    expect([...labels.data]).toEqual([7, -100, -100, -100, 8, 9, -100, -100]);
  });
});

describe('pre-training task', () => {
  testWithData(
    'pairs real COCO captions, half of them of another image, the same for the same seed and epoch',
    ['coco_captions/coco_captions_tiny.json'],
    async (path) => {
      const { annotations } = JSON.parse(readFileSync(path, 'utf8')) as {
        annotations: { image_id: number; caption: string }[];
      };
      const ids = [...new Set(annotations.map(({ image_id }) => String(image_id)))];
      const features = writeFeatureFolder(join(folder, 'coco'), ids, 3, 4);
      const { task, data, config, processor, architecture } = await openTask(
        'pretraining',
        { captions: path, features },
        { purpose: 'train', model: null },
      );
      expect([data.length, architecture]).toEqual([40, 'VisualBertForPreTraining']);
      expect(config).toEqual({ vocabSize: processor.tokenizer.vocabularySize, visualEmbeddingDim: 4 });
      const examples = await Promise.all(annotations.map((_, i) => data.example(i)));
      const collate = async (epoch: number): Promise<Record<string, RawTensor>> =>
        (await task.collate(examples, { seed: 1, epoch, training: true })).inputs;
      const [first, again, next] = [await collate(0), await collate(0), await collate(1)];
      expect(again).toEqual(first);
      expect(next['inputIds']).not.toEqual(first['inputIds']);

      const matches = [...(first['sentenceImageLabels']?.data ?? [])];
      const share = matches.filter((label) => label === 1).length / matches.length;
      expect(share).toBeGreaterThan(0.2);
      expect(share).toBeLessThan(0.8);
      // What is read as the second segment, with the hidden pieces put back, is a caption of the image exactly when the label says so.
      const [t = 0, k = 0] = [first['inputIds']?.shape[1], first['labels']?.shape[1]];
      const encoded = await Promise.all(
        annotations.map(async ({ caption }) => (await processor.tokenizer.encode(caption.trim())).join(' ')),
      );
      matches.forEach((label, i) => {
        const row = [...(first['inputIds']?.data ?? [])].slice(i * t, (i + 1) * t);
        for (let j = 0; j < k; j++) {
          const original = first['labels']?.data[i * k + j] as number;
          if (original !== -100) row[first['maskedPositions']?.data[i * k + j] as number] = original;
        }
        const second = row
          .filter((_, at) => first['tokenTypeIds']?.data[i * t + at] === 1)
          .slice(0, -1)
          .join(' ');
        const images = annotations.filter((_, j) => encoded[j] === second).map(({ image_id }) => image_id);
        expect(images.length).toBeGreaterThan(0);
        expect(images.includes(annotations[i]?.image_id ?? 0)).toBe(label === 1);
      });

      const metric = task.createMetric();
      const w = 3;
      const b = examples.length;
      const predictionLogits: RawTensor = { dtype: 'float32', shape: [b, k, w], data: new Float32Array(b * k * w) };
      const perfect = Float32Array.from(matches.flatMap((label) => (label === 1 ? [0, 1] : [1, 0])));
      await collate(0);
      const seqRelationshipLogits: RawTensor = { dtype: 'float32', shape: [b, 2], data: perfect };
      metric.update(examples, { predictionLogits, seqRelationshipLogits });
      expectSharedMetric(task, examples, { predictionLogits, seqRelationshipLogits });
      expect(metric.compute()).toEqual({ 'masked word accuracy': 0, 'matching accuracy': 100 });
    },
  );

  test('asks for a second caption, or shows one at a time', async () => {
    const captions = join(folder, 'single.jsonl');
    writeFileSync(
      captions,
      ['a b', 'c d', 'e f'].map((caption, i) => JSON.stringify({ image_id: i, caption })).join('\n'),
    );
    const features = writeFeatureFolder(join(folder, 'single'), ['0', '1', '2'], 2, 2);
    const context = { purpose: 'train', model: null } as const;
    await expect(openTask('pretraining', { captions, features }, context)).rejects.toThrow(
      'image 0 has a single caption',
    );
    const { task, data } = await openTask('pretraining', { captions, features, captionPairs: false }, context);
    const { inputs } = await task.collate([await data.example(0), await data.example(1)], {
      seed: 0,
      epoch: 0,
      training: true,
    });
    expect([...(inputs['tokenTypeIds']?.data ?? [])].every((type) => type === 0)).toBe(true);
    expect(inputs['sentenceImageLabels']?.shape).toEqual([2]);
  });

  test('shows for the report what was found in place of the first hidden piece', async () => {
    const captions = join(folder, 'shown.jsonl');
    const long = 'abcdefghijklmnopqrst'.split('').join(' ');
    writeFileSync(captions, [0, 1].map((image_id) => JSON.stringify({ image_id, caption: long })).join('\n'));
    const features = writeFeatureFolder(join(folder, 'shown'), ['0', '1'], 2, 2);
    const { task, data, processor } = await openTask(
      'pretraining',
      { captions, features, captionPairs: false },
      { purpose: 'train', model: null },
    );
    const examples = [await data.example(0)];
    const { inputs } = await task.collate(examples, { seed: 0, epoch: 0, training: false });
    const [k = 0, w] = [inputs['labels']?.shape[1], processor.tokenizer.vocabularySize];
    const label = inputs['labels']?.data[0] as number;
    const other = label === 5 ? 6 : 5;
    const logits = new Float32Array(k * w).fill(-Infinity);
    [logits[label], logits[other]] = [Math.log(0.75), Math.log(0.25)];
    const predictionLogits: RawTensor = { dtype: 'float32', shape: [1, k, w], data: logits };
    const [note] = task.describe?.(examples, { predictionLogits }) ?? [];
    const [right, wrong] = processor.tokenizer.tokens([label, other]);
    expect(note).toMatchObject({ expected: right, predicted: right, correct: 1, images: [{ id: '0' }] });
    expect(note?.scores.slice(0, 2).map(([piece, share]) => [piece, Number(share.toFixed(4))])).toEqual([
      [right, 0.75],
      [wrong, 0.25],
    ]);
    expect(note?.text).toMatch(/^[^?]*\[\?\][^?]* \((belongs|does not belong) to the picture\)$/);
  });
});
