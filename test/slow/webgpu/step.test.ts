// The commands of a training step to a WebGPU device: dispatches, copies to the host and memory, on Dawn over SwiftShader.
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { countGpuCommands, type GpuCommands } from '../../../bench/machine/gpu-commands.js';
import { VisualBertConfig } from '../../../src/config/config.js';
import type { ModelInputs } from '../../../src/models/inputs/inputs.js';
import { VisualBertForQuestionAnswering } from '../../../src/models/question-answering.js';
import { valueAndGradients } from '../../../src/models/value-and-gradients.js';
import { uniformValues } from '../../../src/random/values.js';
import { createTrainingStep } from '../../../src/training/step/eager-step.js';
import { describeOnWebGpu } from '../../helpers/machine/webgpu.js';
import { slowCount } from '../../helpers/slow-share.js';

/** Steps after which the memory of the process is printed; tfjs counts only that of tensors. */
const REPORTED = [50, 250, 500];
const megabytes = (): number => Math.round(process.memoryUsage().rss / 1e6);

/** For an encoder layer, forward and backward: the goal of docs/install.md. */
const MOST_DISPATCHES = 45;

function modelOf(numHiddenLayers: number): VisualBertForQuestionAnswering {
  const sizes = { hiddenSize: 12, numAttentionHeads: 3, intermediateSize: 20, vocabSize: 40, visualEmbeddingDim: 8 };
  return new VisualBertForQuestionAnswering(new VisualBertConfig({ ...sizes, numHiddenLayers, numLabels: 5 }), {
    seed: 0,
  });
}

/** Two questions of `t` tokens, one shorter. */
function batch(t: number, seed: number): ModelInputs {
  const mask = new Int32Array(2 * t).fill(1);
  mask[2 * t - 1] = 0;
  return {
    inputIds: { dtype: 'int32', shape: [2, t], data: Int32Array.from({ length: 2 * t }, (_, i) => 1 + i) },
    attentionMask: { dtype: 'int32', shape: [2, t], data: mask },
    visualEmbeds: { dtype: 'float32', shape: [2, 4, 8], data: uniformValues(64, seed, 0, 1) },
    labels: { dtype: 'float32', shape: [2, 5], data: uniformValues(10, seed, 0, 2) },
  };
}

describeOnWebGpu('a training step on WebGPU', () => {
  let takeCounts: () => GpuCommands;
  beforeAll(() => {
    takeCounts = countGpuCommands();
  });

  test('takes at most 45 dispatches for an encoder layer, forward and backward, and 11 to update its 16 parameters', async () => {
    const gradients: number[] = [];
    const updates: number[] = [];
    for (const layers of [1, 2]) {
      const model = modelOf(layers);
      takeCounts();
      tf.dispose([...(await valueAndGradients(model, batch(5, 1), { training: true })).gradients.values()]);
      const { dispatches } = takeCounts();
      gradients.push(dispatches);
      const step = await createTrainingStep(model, { learningRate: 1e-3, weightDecay: 0.01, maxGradNorm: 1 });
      takeCounts();
      await step.run(batch(5, 1));
      updates.push(takeCounts().dispatches - dispatches);
      await step.dispose();
      model.dispose();
    }
    const perLayer = ([one = 0, two = 0]: number[]): number => two - one;
    expect(perLayer(gradients)).toBeGreaterThan(20); // products alone
    expect(perLayer(gradients)).toBeLessThanOrEqual(MOST_DISPATCHES);
    // Eight for pairs of parameters; their norm reads seven gradients in each.
    expect(perLayer(updates)).toBeGreaterThanOrEqual(10);
    expect(perLayer(updates)).toBeLessThanOrEqual(11);
  });

  test('copies loss and gradient norm to the host and nothing else, and gives all memory back', async () => {
    const model = modelOf(1);
    const step = await createTrainingStep(model, { learningRate: 1e-3, weightDecay: 0.01, maxGradNorm: 1 });
    const lengths = [5, 6, 7];
    for (const t of lengths) await step.run(batch(t, t)); // buffers of each size are kept for the next step
    await step.run(batch(5, 0));
    const before = tf.memory();
    for (let i = 0; i < slowCount(500); i++) {
      takeCounts();
      await step.run(batch(lengths[i % lengths.length] as number, i));
      const { reads, readBytes } = takeCounts();
      expect([reads, readBytes]).toEqual([2, 8]);
      if (REPORTED.includes(i + 1)) process.stderr.write(`${i + 1} steps: ${megabytes()} MB of the process\n`);
    }
    expect(tf.memory()).toEqual(before);
    await step.dispose();
    model.dispose();
  });
});
