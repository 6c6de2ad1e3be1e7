import { describe, expect, test } from '@jest/globals';
import type * as tf from '@tensorflow/tfjs';
import type { RawTensor } from '../../../src/raw-tensor.js';
import type { Batch } from '../../../src/training/task.js';
import { createEagerForwardPass } from '../../../src/training/step/forward-pass.js';
import { cutOutputs, filledInputs, readBatch, wholeInputs } from '../../../src/training/loop/batches.js';
import { epochBatches, evaluationBatches } from '../../../src/training/loop/data-order.js';
import { duration } from '../../../src/training/log/progress.js';
import { pointModel, points, pointTask } from './tiny-task.js';

const OPTIONS = { batchSize: 8, seed: 5, shuffle: true, groupByLength: false };
const sorted = (batches: number[][]): number[] => batches.flat().sort((a, b) => a - b);

describe('epochBatches', () => {
  test('holds every example once, in an order of seed and epoch alone', () => {
    const data = points(37, 1);
    const batches = epochBatches(data, 2, OPTIONS);
    expect(batches.map(({ length }) => length)).toEqual([8, 8, 8, 8, 5]);
    expect(sorted(batches)).toEqual(Array.from({ length: 37 }, (_, i) => i));
    expect(epochBatches(data, 2, OPTIONS)).toEqual(batches);
    expect(epochBatches(data, 3, OPTIONS)).not.toEqual(batches);
    expect(epochBatches(data, 2, { ...OPTIONS, seed: 6 })).not.toEqual(batches);
  });

  test('puts like lengths together when asked, the short batch last', () => {
    const data = points(700, 1);
    const spread = (batches: number[][]): number =>
      Math.max(...batches.map((batch) => Math.max(...batch.map((i) => i % 7)) - Math.min(...batch.map((i) => i % 7))));
    const grouped = epochBatches(data, 0, { ...OPTIONS, groupByLength: true });
    expect(sorted(grouped)).toEqual(Array.from({ length: 700 }, (_, i) => i));
    expect(grouped.at(-1)).toHaveLength(4);
    expect(spread(grouped)).toBeLessThanOrEqual(1);
    expect(spread(epochBatches(data, 0, OPTIONS))).toBeGreaterThan(3);
    expect(spread(evaluationBatches(data, 8))).toBeLessThanOrEqual(1);
  });
});

describe('filledInputs', () => {
  const batch = {
    count: 2,
    inputs: {
      ids: { dtype: 'int32' as const, shape: [2, 3], data: Int32Array.of(1, 2, 3, 4, 5, 6) },
      labels: { dtype: 'int32' as const, shape: [2], data: Int32Array.of(7, 8) },
    },
  };

  test('repeats the last example with labels that no loss counts, and says how many are real', () => {
    const inputs = filledInputs(batch, 4);
    expect([...(inputs['ids']?.data ?? [])]).toEqual([1, 2, 3, 4, 5, 6, 4, 5, 6, 4, 5, 6]);
    expect([...(inputs['labels']?.data ?? [])]).toEqual([7, 8, -100, -100]);
    expect(inputs['exampleCount']?.data[0]).toBe(2);
  });

  test('gives soft labels of padding the value 0', () => {
    const labels = { dtype: 'float32' as const, shape: [2, 2], data: Float32Array.of(0.5, 1, 0, 1) };
    expect([...(filledInputs({ count: 2, inputs: { labels } }, 3)['labels']?.data ?? [])]).toEqual([
      0.5, 1, 0, 1, 0, 0,
    ]);
  });

  test('keeps the loss of a task whose labels have another name', async () => {
    const named = ({ inputs: { labels, ...inputs }, count }: Batch): Batch => ({
      inputs: { ...inputs, relevance: labels as RawTensor },
      labels: ['relevance'],
      count,
    });
    const [dataset, order] = [points(3, 1), { seed: 0, epoch: 0, training: true }];
    const task = {
      ...pointTask,
      collate: async (...given: Parameters<typeof pointTask.collate>) => named(await pointTask.collate(...given)),
    };
    const { batch: short } = await readBatch(task, dataset, [0, 1, 2], order);
    const model = pointModel();
    const forward = createEagerForwardPass({
      ...model,
      compute: ({ relevance, ...inputs }, options) =>
        model.compute({ ...inputs, labels: relevance as tf.Tensor }, options),
    });
    const [whole, filled] = await Promise.all([wholeInputs(short), filledInputs(short, 8)].map(forward.outputs));
    expect(whole?.['loss']?.data[0]).toBeGreaterThan(0);
    expect(filled?.['loss']?.data[0]).toBeCloseTo(whole?.['loss']?.data[0] as number, 6);
    await forward.dispose();
    model.dispose();
  });

  test('refuses labels that it cannot know', () => {
    const { ids } = batch.inputs;
    const advice = "name the inputs that are labels in the batch's labels ([] if it has none)";
    expect(() => filledInputs({ count: 2, inputs: { ids, relevance: ids } }, 4)).toThrow(
      `batch: expected labels, since none of its inputs is called labels or sentenceImageLabels, received none for the inputs ids, relevance; ${advice}`,
    );
    expect(() => filledInputs({ ...batch, labels: ['label'] }, 4)).toThrow(
      `batch: expected names of its inputs as labels, received label for the inputs ids, labels; ${advice}`,
    );
    expect(filledInputs({ count: 2, inputs: { ids }, labels: [] }, 4)['ids']?.shape).toEqual([4, 3]);
  });

  test('is undone in the outputs', () => {
    const logits = { dtype: 'float32' as const, shape: [4, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8) };
    const loss = { dtype: 'float32' as const, shape: [], data: Float32Array.of(3) };
    const cut = cutOutputs({ logits, loss }, 4, 3);
    expect(cut['logits']?.shape).toEqual([3, 2]);
    expect([...(cut['logits']?.data ?? [])]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(cut['loss']).toBe(loss);
    expect(cutOutputs({ mean: loss }, 4, 3, ['mean'])).toEqual({ mean: loss });
    expect(() => cutOutputs({ mean: loss }, 4, 3)).toThrow(
      "output mean: expected 4 examples on the first axis, received []; name outputs of the whole batch in the task's sharedOutputs",
    );
  });
});

test('durations are short to read', () => {
  expect([4, 64, 3605, -1].map(duration)).toEqual(['4 s', '1 min 04 s', '1 h 00 min', '0 s']);
});
