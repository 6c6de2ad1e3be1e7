// Evaluations in parts: merged, they equal the evaluation on one machine bit for bit.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { writeTsvFeatures } from '../../src/features/tools.js';
import { memorySource } from '../../src/features/wrappers.js';
import { evaluateRun, type EvaluateRunOptions } from '../../src/runs/evaluate.js';
import { evaluateShard, mergeEvaluations } from '../../src/runs/shards.js';
import { useBackend } from '../helpers/backend.js';
import { regionsOfImage, writeCheckpoint } from '../helpers/models/pipeline-models.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const root = temporaryFolder();

const features = join(root, 'features.tsv');
const IMAGES = Array.from({ length: 11 }, (_, i) => `${i}`);
const COUNT = 3;

beforeAll(async () => {
  await useBackend();
  await writeTsvFeatures(
    memorySource(
      'images',
      IMAGES.map((id, i) => [id, regionsOfImage(i, 3 + (i % 4))] as const),
    ),
    features,
  );
});

function records(name: string, record: (image: string, i: number) => object): string {
  const path = join(root, name);
  writeFileSync(path, IMAGES.map((image, i) => JSON.stringify(record(image, i))).join('\n'));
  return path;
}

/** Evaluates in parts, and gives their files. */
async function inParts(name: string, options: EvaluateRunOptions): Promise<string[]> {
  const parts: string[] = [];
  for (let index = 1; index <= COUNT; index++) {
    const output = join(root, `${name}-${index}.safetensors`);
    parts.push(output);
    await evaluateShard({ ...options, shard: { index, count: COUNT }, output });
  }
  return parts.reverse();
}

const TEXTS = ['the dog is red', 'a dog', 'is the ball near the red dog'];

async function classification(): Promise<EvaluateRunOptions> {
  const model = await writeCheckpoint('VisualBertForVisualReasoning', {
    task: 'plain',
    config: { id2label: { 0: 'yes', 1: 'no' } },
  });
  const data = records('texts.jsonl', (image, i) => ({ text: TEXTS[i % 3], image, label: i % 2 ? 'no' : 'yes' }));
  return { task: 'classification', model, data: { data, features }, purpose: 'evaluate', batchSize: 2 };
}

test.each(['evaluate', 'predict'] as const)('parts of %s give the same metrics and the same file', async (purpose) => {
  const options = { ...(await classification()), purpose };
  const [whole, merged] = [join(root, `whole-${purpose}.jsonl`), join(root, `merged-${purpose}.jsonl`)];
  const once = await evaluateRun({ ...options, output: whole });
  const parts = await inParts(purpose, options);
  const joined = await mergeEvaluations(parts, { output: merged });
  expect(joined).toEqual({ ...once, task: options.task, model: options.model, purpose });
  expect(readFileSync(merged, 'utf8')).toBe(readFileSync(whole, 'utf8'));
  expect(once.count).toBe(IMAGES.length);
  if (purpose === 'predict') await expect(mergeEvaluations(parts)).rejects.toThrow('name the file to write');
});

test('phrases in sentences as well, whose outputs differ in shape from batch to batch', async () => {
  const model = await writeCheckpoint('VisualBertForRegionToPhraseAlignment', { task: 'flickr' });
  const data = records('phrases.jsonl', (image, i) => ({
    ...{ text: 'a red ball near the dog', image },
    phrases: [
      [1, 2],
      [5, 5],
    ]
      .slice(i % 2)
      .map((words) => ({ words, boxes: [[0, 5, 12, 30]] })),
  }));
  const options = {
    task: 'grounding',
    model,
    data: { data, features, places: false },
    purpose: 'evaluate' as const,
    batchSize: 2,
  };
  const { count, metrics } = await evaluateRun(options);
  expect(await mergeEvaluations(await inParts('phrases', options))).toMatchObject({ count, metrics });
});

test('parts of different evaluations, other examples and other files are refused', async () => {
  const options = await classification();
  const [third = '', second = '', first = ''] = await inParts('refused', options);
  await expect(mergeEvaluations([first, third])).rejects.toThrow('missing part 2/3');
  const other = join(root, 'other.safetensors');
  await evaluateShard({ ...options, batchSize: 3, shard: { index: 2, count: 3 }, output: other });
  await expect(mergeEvaluations([first, other, third])).rejects.toThrow(
    /another evaluation than .*: batchSize is 3, there 2$/,
  );
  const elsewhere = records('elsewhere.jsonl', (image) => ({ text: 'a dog', image, label: 'no' }));
  await evaluateShard({
    ...options,
    data: { ...options.data, data: elsewhere },
    shard: { index: 2, count: 3 },
    output: other,
  });
  await expect(mergeEvaluations([first, other, third])).rejects.toThrow(
    /another evaluation than .*: data\.data is "[^"]*elsewhere.jsonl", there "[^"]*texts.jsonl"; fingerprint is [^;]*, there [^;]*$/,
  );
  const weights = join(options.model, 'model.safetensors');
  const bytes = readFileSync(weights);
  writeFileSync(weights, bytes.fill(0, bytes.length - 4));
  await evaluateShard({ ...options, shard: { index: 2, count: 3 }, output: other });
  await expect(mergeEvaluations([first, other, third])).rejects.toThrow(
    /another evaluation than .*: checksum is \d+, there \d+$/,
  );
  await expect(mergeEvaluations([weights])).rejects.toThrow(
    'expected a part that evaluate or predict wrote with --shard',
  );
  records('texts.jsonl', (image) => ({ text: 'another text', image, label: 'no' }));
  await expect(mergeEvaluations([first, second, third])).rejects.toThrow('its examples have changed since');
  await expect(evaluateShard({ ...options, shard: { index: 1, count: 7 }, output: other })).rejects.toThrow(
    'expected at most 6 parts of 6 batches',
  );
});
