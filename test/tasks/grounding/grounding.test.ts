// Grounding: Flickr30k Entities' files, overlap, labels, recall; own sentences.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { intersectionOverUnion, matchingRegions } from '../../../src/boxes.js';
import { PhraseRecall } from '../../../src/metrics/phrases.js';
import { readFlickrEntities } from '../../../src/records/flickr.js';
import type { RawTensor } from '../../../src/raw-tensor.js';
import type { GroundingExample } from '../../../src/tasks/grounding/grounding.js';
import { scoreFlickrFile } from '../../../src/metrics/score-files.js';
import { openTask } from '../../../src/tasks/open-task.js';
import { npy, npz } from '../../helpers/files/numpy-files.js';
import { expectSharedMetric } from '../../helpers/shared-metric.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

/** Two images in the layout of Flickr30k Entities, with a scene, an unseen thing and an entity of two boxes. */
function entities(): { folder: string; split: string; features: string } {
  const folder = temporaryFolder();
  for (const name of ['Sentences', 'Annotations', 'features']) mkdirSync(join(folder, name));
  const object = (names: number[], inside: string): string =>
    `  <object>\n${names.map((name) => `    <name>${name}</name>\n`).join('')}${inside}  </object>\n`;
  const box = (x1: number, y1: number, x2: number, y2: number): string =>
    `    <bndbox>\n      <xmin>${x1}</xmin>\n      <ymin>${y1}</ymin>\n      <xmax>${x2}</xmax>\n      <ymax>${y2}</ymax>\n    </bndbox>\n`;
  const none = '    <scene>1</scene>\n    <nobndbox>1</nobndbox>\n';
  writeFileSync(
    join(folder, 'Sentences', '36979.txt'),
    '[/EN#1/people A young man] holds [/EN#2/other two balls] in [/EN#3/scene a park] .\n[/EN#0/notvisual It] rains .\n[/EN#2/other Balls] fly .\n',
  );
  writeFileSync(
    join(folder, 'Annotations', '36979.xml'),
    `<annotation>\n  <filename>36979.jpg</filename>\n${object([1], box(10, 10, 50, 90))}${object([2], box(60, 10, 70, 20))}${object([2], box(80, 10, 90, 20))}${object([3], none)}</annotation>\n`,
  );
  writeFileSync(join(folder, 'train.txt'), '36979\n');
  const boxes = [10, 10, 50, 88, 60, 10, 70, 21, 0, 0, 100, 100];
  writeFileSync(
    join(folder, 'features', '36979.npz'),
    npz({
      'features.npy': npy([1, 2, 3, 4, 5, 6], [3, 2]),
      'bbox.npy': npy(boxes, [3, 4]),
      'image_w.npy': npy([100], []),
      'image_h.npy': npy([100], []),
    }),
  );
  return { folder, split: join(folder, 'train.txt'), features: join(folder, 'features') };
}

describe('grounding', () => {
  test('measures overlap and matches regions from a half on', () => {
    expect(intersectionOverUnion([0, 0, 2, 2], [1, 1, 3, 3])).toBeCloseTo(1 / 7, 15);
    expect(intersectionOverUnion([0, 0, 1, 1], [2, 2, 3, 3])).toBe(0);
    expect(matchingRegions([[0, 0, 2, 2]], Float32Array.of(0, 0, 2, 4, 0, 0, 2, 4.1, 0, 0, 2, 2))).toEqual([0, 2]);
  });

  test('counts recall over all phrases, so that the upper bound may lie below 100', () => {
    const recall = new PhraseRecall();
    recall.add([4, 2, 0], [4]);
    recall.add([4, 2, 0], [0]);
    recall.add([4, 2, 0], []);
    recall.add([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], [1]);
    expect(recall.compute()).toEqual({ 'R@1': 25, 'R@5': 50, 'R@10': 75, 'upper bound': 75 });
  });

  test("reads Flickr30k Entities' sentences and boxes; what has no box is left out", async () => {
    const { folder, split } = entities();
    const sentences = await readFlickrEntities(folder, split);
    expect(sentences.map(({ id }) => id)).toEqual(['36979#0', '36979#2']);
    expect(sentences[0]?.words.join(' ')).toBe('A young man holds two balls in a park .');
    expect(sentences[0]?.phrases).toEqual([
      { first: 0, last: 2, boxes: [[10, 10, 50, 90]], types: ['people'] },
      {
        first: 4,
        last: 5,
        boxes: [
          [60, 10, 70, 20],
          [80, 10, 90, 20],
        ],
        types: ['other'],
      },
    ]);
    writeFileSync(join(folder, 'val.txt'), '1\n');
    await expect(readFlickrEntities(folder, join(folder, 'val.txt'))).rejects.toThrow(
      /image 1 has no .*Sentences\/1\.txt/,
    );
    await expect(readFlickrEntities(join(folder, 'features'), split)).rejects.toThrow(
      'expected the folders Sentences and Annotations',
    );
  });

  test('labels matching regions at the last piece of each phrase, with places as six more features', async () => {
    const { folder, split, features } = entities();
    const opened = await openTask('flickr', { entities: folder, split, features }, { purpose: 'train', model: null });
    expect([opened.architecture, opened.config.visualEmbeddingDim]).toEqual([
      'VisualBertForRegionToPhraseAlignment',
      8,
    ]);
    const examples = (await Promise.all([0, 1].map((i) => opened.data.example(i)))) as GroundingExample[];
    const { inputs } = await opened.task.collate(examples, { seed: 0, epoch: 0, training: true });
    const pieces = opened.processor.tokenizer.tokens(examples[0]?.text.ids ?? []);
    expect(pieces.slice(0, 7)).toEqual(['[CLS]', 'a', 'young', 'man', 'holds', 'two', 'balls']);
    expect([...(inputs['regionToPhrasePosition']?.data ?? [])]).toEqual([3, 6, -1, -1, 1, -1, -1, -1]);
    expect(inputs['labels']?.shape).toEqual([2, 4, 8]);
    expect([...(inputs['labels']?.data ?? [])].slice(0, 16)).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    expect([...(inputs['visualEmbeds']?.data ?? [])].slice(0, 8)).toEqual(
      [1, 2, 0.1, 0.1, 0.5, 0.88, 0.4, 0.78].map(Math.fround),
    );

    const logits: RawTensor = { dtype: 'float32', shape: [2, 4, 8], data: new Float32Array(64) };
    logits.data[2] = 1; // phrase 0: the whole picture first, then region 0
    logits.data[8 + 1] = 1;
    const metric = opened.task.createMetric();
    metric.update(examples, { logits });
    expectSharedMetric(opened.task, examples, { logits });
    expect(metric.compute()).toEqual({ 'R@1': 100 / 3, 'R@5': 100, 'R@10': 100, 'upper bound': 100 });
    // What reports show: the phrase in brackets, where it lies, and where it was looked for.
    const [first, second, third] = opened.task.describe?.(examples, { logits }) ?? [];
    expect(first).toMatchObject({
      ...{ text: '[A young man] holds two balls in a park .', expected: 'people', predicted: 'elsewhere', correct: 0 },
      images: [{ id: '36979', boxes: [], expectedBoxes: [[10, 10, 50, 90]], predictedBoxes: [[0, 0, 100, 100]] }],
    });
    expect(second).toMatchObject({ text: 'A young man holds [two balls] in a park .', predicted: 'other', correct: 1 });
    expect(third?.scores[0]).toEqual(['region 0', expect.closeTo(1 / 3, 6)]);

    const predictions = opened.createPredictions();
    predictions.update(examples, { logits });
    await predictions.write(join(folder, 'predictions.jsonl'));
    expect(readFileSync(join(folder, 'predictions.jsonl'), 'utf8').split('\n')[1]).toBe(
      '{"id":"36979#0","phrase":1,"boxes":[[60,10,70,21],[10,10,50,88],[0,0,100,100]]}',
    );
    const file = join(folder, 'predictions.jsonl');
    const { scores, text } = await scoreFlickrFile(file, { entities: folder, split, features: [features] });
    expect(scores).toMatchObject(metric.compute()); // what the run itself reported
    expect(text).toBe(
      'R@1: 33.33\nR@5: 100.00\nR@10: 100.00\nupper bound: 100.00\n\n' +
        'Per phrase type: R@1, R@5, R@10, upper bound\n' +
        'other : 50.00 100.00 100.00 100.00 (2 phrases)\npeople : 0.00 100.00 100.00 100.00 (1 phrases)',
    );
    writeFileSync(file, '{"id":"36979#0","phrase":0,"boxes":[]}\n');
    await expect(scoreFlickrFile(file, { entities: folder, split })).rejects.toThrow('no prediction for phrase 1 of');
  });

  test('pre-trains on the sentences with words hidden: the same regions with their places, nothing asked about the match', async () => {
    const { folder, split, features } = entities();
    const options = { entities: folder, split, features };
    const opened = await openTask('flickr-pretraining', options, { purpose: 'train', model: null });
    expect([opened.architecture, opened.config.visualEmbeddingDim]).toEqual(['VisualBertForPreTraining', 8]);
    expect(opened.data.length).toBe(2); // the sentence without a box is left out, as for grounding
    const examples = await Promise.all([0, 1].map((i) => opened.data.example(i)));
    const { inputs } = await opened.task.collate(examples, { seed: 0, epoch: 0, training: true });
    expect(Object.keys(inputs)).not.toContain('sentenceImageLabels');
    expect([...(inputs['visualEmbeds']?.data ?? [])].slice(0, 8)).toEqual(
      [1, 2, 0.1, 0.1, 0.5, 0.88, 0.4, 0.78].map(Math.fround),
    );
    const [t = 0, k = 0] = [inputs['inputIds']?.shape[1], inputs['labels']?.shape[1]];
    const ids = [...(inputs['inputIds']?.data ?? [])].map(Number);
    const asked = [...(inputs['labels']?.data ?? [])].map(Number);
    expect(asked.filter((label) => label !== -100).length).toBeGreaterThan(0);
    asked.forEach((label, i) => {
      if (label !== -100) ids[Math.floor(i / k) * t + Number(inputs['maskedPositions']?.data[i])] = label;
    });
    const texts = [0, 1].map((i) => opened.processor.tokenizer.tokens(ids.slice(i * t, (i + 1) * t)).join(' '));
    expect(texts[0]).toMatch(/^\[CLS\] a young man holds two balls in a park \. \[SEP\]/);
    expect(texts[1]).toMatch(/^\[CLS\] balls fly \. \[SEP\]/);
    await expect(openTask('flickr-pretraining', options, { purpose: 'predict', model: 'x' })).rejects.toThrow(
      'this task has no predictions',
    );
  });

  test('grounds own sentences in the same way', async () => {
    const { folder, features } = entities();
    const data = join(folder, 'own.jsonl');
    const record = {
      id: 'a',
      image: '36979',
      text: 'the ball there',
      phrases: [{ words: [0, 1], boxes: [[60, 10, 70, 20]] }],
    };
    writeFileSync(data, JSON.stringify(record));
    const opened = await openTask('grounding', { data, features, places: false }, { purpose: 'train', model: null });
    expect(opened.config.visualEmbeddingDim).toBe(2);
    const example = (await opened.data.example(0)) as GroundingExample;
    expect([example.positions, example.matches]).toEqual([[2], [[1]]]);
    writeFileSync(data, JSON.stringify({ ...record, phrases: [{ words: [1, 3], boxes: [] }] }));
    await expect(openTask('grounding', { data, features }, { purpose: 'train', model: null })).rejects.toThrow(
      'line 1: expected phrases of the words 0 to 2 of the text, received words [1, 3]',
    );
  });
});
