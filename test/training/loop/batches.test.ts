// Few shapes and little padding: what a recorded step needs of the batches it is fed.
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { DEFAULT_BUCKETS, type EncodedExample, padBatch } from '../../../src/processing/batch.js';
import { VisualBertProcessor } from '../../../src/processing/processor.js';
import { createTokenizer } from '../../../src/platform/node.js';
import { uniformValues } from '../../../src/random/values.js';
import { type RawTensor } from '../../../src/raw-tensor.js';
import { fillBatch } from '../../../src/training/loop/batches.js';
import { countPadding } from '../../../src/training/loop/padding.js';
import { epochBatches } from '../../../src/training/loop/data-order.js';
import { readMetrics } from '../../../src/training/log/metrics-log.js';
import { SILENT_PROGRESS } from '../../../src/training/log/progress.js';
import { Trainer } from '../../../src/training/loop/trainer.js';
import { type TrainResult } from '../../../src/training/loop/trainer-options.js';
import { useBackend } from '../../helpers/backend.js';
import { testWithData } from '../../helpers/shared-data.js';
import { pointModel, points, pointTask } from './tiny-task.js';

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
        const outputDir = mkdtempSync(join(tmpdir(), 'run-'));
        const model = pointModel();
        const trainer = new Trainer({
          ...{ model, task: pointTask, train: points(37, 1), validation: points(20, 2) },
          arguments: { outputDir, compile, epochs: 2, batchSize: 8, learningRate: 0.05, logEvery: 1, seed: 3 },
          progress: SILENT_PROGRESS,
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

/** Shapes of the inputs and the share of padding over an epoch of real questions with 10 to 100 regions each. */
async function epochOf(
  lengths: readonly number[],
  groupByLength: boolean,
): Promise<{ signatures: number; share: number }> {
  const batchSize = 32;
  const regions = Array.from(uniformValues(lengths.length, 7, 0, 1), (value) => 10 + Math.floor(91 * value));
  const dataset = {
    length: lengths.length,
    fingerprint: 'questions',
    example: () => Promise.reject(new Error('lengths suffice')),
    sizeOf: (index: number) => ({ text: lengths[index] ?? 0, regions: regions[index] ?? 0 }),
  };
  const signatures = new Set<string>();
  let [places, padded] = [0, 0];
  for (const indices of epochBatches(dataset, 0, { batchSize, seed: 1, shuffle: true, groupByLength })) {
    const examples = indices.map((index): EncodedExample => {
      const ids = new Array<number>(lengths[index] ?? 0).fill(7);
      const count = regions[index] ?? 0;
      return { text: { ids, typeIds: ids }, regions: [{ features: new Float32Array(count), count, dim: 1 }] };
    });
    const batch = { inputs: padBatch(examples, { buckets: DEFAULT_BUCKETS, padId: 0 }), count: examples.length };
    const shapes = Object.values(fillBatch(batch, batchSize).inputs).map(({ shape }) => shape.join('x'));
    signatures.add(shapes.join(' '));
    const counted = countPadding(batch, batchSize);
    [places, padded] = [places + counted.all, padded + counted.padded];
  }
  return { signatures: signatures.size, share: padded / places };
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
      const lengths = texts.map(({ ids }) => ids.length);
      const [mixed, grouped] = [await epochOf(lengths, false), await epochOf(lengths, true)];
      expect(mixed.signatures).toBeLessThanOrEqual(8);
      expect(grouped.signatures).toBeLessThanOrEqual(8);
      expect(grouped.share).toBeLessThan(0.65 * mixed.share); // 27% against 45%
    },
  );
});
