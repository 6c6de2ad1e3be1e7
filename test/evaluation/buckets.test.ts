// Batches of few shapes with little padding, for recorded steps.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { DEFAULT_BUCKETS, type EncodedExample, padBatch } from '../../src/processing/batch.js';
import { VisualBertProcessor } from '../../src/processing/processor.js';
import { createTokenizer } from '../../src/platform/node.js';
import { uniformValues } from '../../src/random/values.js';
import { type RawTensor } from '../../src/raw-tensor.js';
import { readBatch } from '../../src/evaluation/read-batch.js';
import { filledInputs } from '../../src/inference/fill-batch.js';
import { fitBuckets } from '../../src/evaluation/buckets.js';
import { countPadding } from '../../src/evaluation/padding.js';
import { epochBatches } from '../../src/evaluation/data-order.js';
import { readMetrics } from '../../src/training/log/metrics-log.js';
import { SILENT_PROGRESS } from '../../src/training/log/progress.js';
import { Trainer } from '../../src/training/loop/trainer.js';
import { type TrainResult } from '../../src/training/loop/trainer-options.js';
import { type Dataset, type Task } from '../../src/evaluation/task.js';
import { useBackend } from '../helpers/backend.js';
import { testWithData } from '../helpers/files/shared-data.js';
import { pointModel, points, pointTask } from '../helpers/tiny-task.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

let hasEngine = false;
beforeAll(async () => {
  const { backend, reason } = await useBackend();
  hasEngine = backend === 'tensorflow';
  if (!hasEngine) process.stderr.write(`skipped: the compiled step needs the native engine (${reason})\n`);
});

describe('padding', () => {
  test('is counted over the masks, the examples that fill up a short batch included', () => {
    const mask = (...rows: number[][]): RawTensor => ({
      dtype: 'int32',
      shape: [rows.length, rows[0]?.length ?? 0],
      data: Int32Array.from(rows.flat()),
    });
    const inputs = {
      attentionMask: mask([1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]),
      visualAttentionMask: mask([1, 1], [1, 0], [1, 1]),
    };
    expect(countPadding({ inputs, count: 3 }, 3)).toEqual({ all: 18, padded: 5 });
    expect(countPadding({ inputs, count: 3 }, 4)).toEqual({ all: 24, padded: 11 });
    expect(countPadding({ inputs: {}, count: 3 }, 4)).toEqual({ all: 0, padded: 0 });
  });

  test('of the last batch changes neither losses nor weights: 37 examples at batch 8, compiled and padded against eager and short', async () => {
    if (!hasEngine) return;
    const runs = await Promise.all(
      [true, false].map(async (compile) => {
        const outputDir = temporaryFolder();
        const model = pointModel();
        const trainer = new Trainer({
          ...{ model, task: pointTask, train: points(37, 1), validation: points(20, 2), outputDir, compile },
          ...{ epochs: 2, batchSize: 8, learningRate: 0.05, logEvery: 1, seed: 3, progress: SILENT_PROGRESS },
        });
        const result: TrainResult = await trainer.train();
        const weights = await Promise.all([...model.namedParameters().values()].map((variable) => variable.data()));
        model.dispose();
        const entries = await readMetrics(join(outputDir, 'metrics.jsonl'));
        return {
          result,
          weights: weights.flatMap((values) => [...values]),
          losses: entries.map(({ loss }) => Number(loss)),
        };
      }),
    );
    const [compiled, eager] = runs as [(typeof runs)[0], (typeof runs)[0]];
    expect(eager.losses).toHaveLength(2 * 6); // five updates and an evaluation an epoch
    eager.losses.forEach((loss, i) => expect(compiled.losses[i]).toBeCloseTo(loss, 5));
    eager.weights.forEach((value, i) => expect(compiled.weights[i]).toBeCloseTo(value, 5));
    expect([compiled.result.recordings, eager.result.recordings]).toEqual([2, 0]); // a step and an evaluation
  });
});

/** Examples of given lengths, as a task sees them. */
function sizedExamples(lengths: readonly number[], regions: readonly number[]): Dataset<EncodedExample> {
  return {
    length: lengths.length,
    fingerprint: 'sized',
    example: async (index) => {
      const ids = new Array<number>(lengths[index] ?? 0).fill(7);
      const count = regions[index] ?? 0;
      return { text: { ids, typeIds: ids }, regions: [{ features: new Float32Array(count), count, dim: 1 }] };
    },
    sizeOf: (index) => ({ text: lengths[index] ?? 0, regions: regions[index] ?? 0 }),
  };
}

const paddingTask: Task<EncodedExample> = {
  name: 'padding',
  primaryMetric: 'loss',
  greaterIsBetter: false,
  collate: async (examples, { buckets = DEFAULT_BUCKETS }) => ({
    inputs: padBatch(examples, { buckets, padId: 0 }),
    labels: [],
    count: examples.length,
  }),
  createMetric: () => ({ update: () => undefined, compute: () => ({}) }),
};

/** Shapes of the inputs and the share of padding over an epoch, with the usual buckets or with fitted ones. */
async function epochOf(
  dataset: Dataset<EncodedExample>,
  { groupByLength, isFitted = true }: { groupByLength: boolean; isFitted?: boolean },
): Promise<{ signatures: number; share: number; expected: number | null }> {
  const batchSize = 32;
  const order = { batchSize, seed: 1, shuffle: true, groupByLength };
  const fitted = await fitBuckets(paddingTask, dataset, {
    ...{ batches: epochBatches(dataset, 0, order), batchCount: 2000, maxShapes: 8, batchSize, seed: 1 },
  });
  const buckets = isFitted ? fitted.buckets : DEFAULT_BUCKETS;
  const signatures = new Set<string>();
  let [all, padded] = [0, 0];
  for (const indices of epochBatches(dataset, 1, order)) {
    const { batch } = await readBatch(paddingTask, dataset, indices, { seed: 1, epoch: 1, training: true, buckets });
    const shapes = Object.values(filledInputs(batch, batchSize)).map(({ shape }) => shape.join('x'));
    signatures.add(shapes.join(' '));
    const counted = countPadding(batch, batchSize);
    [all, padded] = [all + counted.all, padded + counted.padded];
  }
  return { signatures: signatures.size, share: padded / all, expected: fitted.padding };
}

describe('batches of VQA questions with 10 to 100 regions', () => {
  testWithData(
    'have at most 8 shapes, and less padding when grouped by length',
    ['vqa_v2/timbmg_subset/vqa_questions_train.gzip', 'bert_base_uncased/vocab.txt'],
    async (questionsFile, vocabularyFile) => {
      const { questions } = JSON.parse(gunzipSync(readFileSync(questionsFile)).toString('utf8')) as {
        questions: { question: string }[];
      };
      const tokenizer = createTokenizer({ 'vocab.txt': readFileSync(vocabularyFile, 'utf8') });
      const processor = new VisualBertProcessor({ tokenizer, task: 'vqa' });
      const texts = await Promise.all(questions.slice(0, 6000).map(({ question }) => processor.encodeText(question)));
      const regions = Array.from(uniformValues(texts.length, 7, 0, 1), (value) => 10 + Math.floor(91 * value));
      const dataset = sizedExamples(
        texts.map(({ ids }) => ids.length),
        regions,
      );
      const mixed = await epochOf(dataset, { groupByLength: false });
      const grouped = await epochOf(dataset, { groupByLength: true });
      expect(mixed.signatures).toBeLessThanOrEqual(8);
      expect(grouped.signatures).toBeLessThanOrEqual(8);
      expect(grouped.share).toBeLessThan(0.65 * mixed.share);
    },
  );
});

describe('buckets fitted to 5 to 36 regions and texts of 7 to 30 tokens', () => {
  const random = uniformValues(2 * 4000, 5, 0, 1);
  const lengths = Array.from({ length: 4000 }, (_, i) => 7 + Math.floor(24 * (random[2 * i] as number) ** 3)); // most are short
  const regions = Array.from({ length: 4000 }, (_, i) => 5 + Math.floor(32 * (random[2 * i + 1] as number)));
  const dataset = sizedExamples(lengths, regions);

  test.each([
    ['in random order', false, 0.015],
    ['grouped by length', true, 0.08],
  ] as const)('leave less padding than the usual ones %s, as much as expected', async (_, groupByLength, saved) => {
    const usual = await epochOf(dataset, { groupByLength, isFitted: false });
    const fitted = await epochOf(dataset, { groupByLength });
    expect(fitted.signatures).toBeLessThanOrEqual(8);
    expect(fitted.share).toBeLessThan(usual.share - saved);
    expect(Math.abs((fitted.expected ?? NaN) - fitted.share)).toBeLessThan(0.01); // another epoch than the one fitted to
  });

  test('correct estimates that are too small, and stand in for counts that are not known', async () => {
    const sizeOf = (index: number): { text: number; regions: number } => ({
      text: Math.floor((lengths[index] ?? 0) / 2),
      regions: 0,
    });
    const { share, expected, signatures } = await epochOf({ ...dataset, sizeOf }, { groupByLength: false });
    expect(expected).toBeCloseTo(share, 1);
    expect(signatures).toBeLessThanOrEqual(8);
  });

  test('are few where a run is short: a recording must pay', async () => {
    const batches = epochBatches(dataset, 0, { batchSize: 32, seed: 1, shuffle: true, groupByLength: true });
    const fit = async (batchCount: number): Promise<number> => {
      const { buckets } = await fitBuckets(paddingTask, dataset, { batches, batchCount, maxShapes: 8, seed: 1 });
      const own = (sizes: readonly number[], usual: readonly number[]): number =>
        sizes.filter((size) => !usual.includes(size)).length;
      return own(buckets.text, DEFAULT_BUCKETS.text) + own(buckets.regions, DEFAULT_BUCKETS.regions);
    };
    expect(await fit(10)).toBeLessThan(await fit(1000));
  });

  test('are the usual ones where lengths are not known', async () => {
    const { length, fingerprint, example } = dataset;
    const fitted = await fitBuckets(
      paddingTask,
      { length, fingerprint, example },
      { batches: [[0]], batchCount: 1, maxShapes: 8, seed: 1 },
    );
    expect(fitted).toEqual({ buckets: DEFAULT_BUCKETS, padding: null });
  });
});
