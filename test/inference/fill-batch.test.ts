// Batches padded to the size of a recorded function.
import { describe, expect, test } from '@jest/globals';
import type * as tf from '@tensorflow/tfjs';
import type { RawTensor } from '../../src/raw-tensor.js';
import type { Batch } from '../../src/inference/fill-batch.js';
import { createEagerForwardPass } from '../../src/inference/forward-pass.js';
import { readBatch } from '../../src/evaluation/read-batch.js';
import { cutOutputs, filledInputs, wholeInputs } from '../../src/inference/fill-batch.js';
import { pointModel, points, pointTask } from '../helpers/tiny-task.js';

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
