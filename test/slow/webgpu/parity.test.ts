// Every class against PyTorch on WebGPU in Node: Dawn over SwiftShader, the software device of Debian's Chromium.
import { afterAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { VisualBertConfig } from '../../../src/config/config.js';
import { selectBackend } from '../../../src/engine/select-backend.js';
import { setLogger } from '../../../src/logger.js';
import { VisualBertForQuestionAnswering } from '../../../src/models/question-answering.js';
import { createTrainingStep } from '../../../src/training/step/eager-step.js';
import { describeOnWebGpu } from '../../helpers/machine/webgpu.js';
import { fixtureNames } from '../../helpers/parity/fixtures.js';
import { describeParity, openHere } from '../../helpers/parity/parity-cases.js';
import { someOf } from '../../helpers/slow-share.js';

const choose = (): ReturnType<typeof selectBackend> => selectBackend({ backend: 'webgpu' });

describeOnWebGpu('WebGPU', () => {
  afterAll(() => setLogger(null));

  describeParity(someOf(fixtureNames()), openHere(choose));

  test('reads no tensor while it waits: what is wrong with computed inputs is a warning of forward, and an error of the step', async () => {
    await choose();
    const warnings: string[] = [];
    setLogger({ info: () => undefined, warn: (text) => warnings.push(text) });
    const sizes = { hiddenSize: 8, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 8, vocabSize: 40 };
    const model = new VisualBertForQuestionAnswering(
      new VisualBertConfig({ ...sizes, visualEmbeddingDim: 4, numLabels: 3 }),
      { seed: 0 },
    );
    const computed = (ids: number[]): tf.Tensor =>
      tf.add(tf.tensor2d([ids], undefined, 'int32'), tf.scalar(0, 'int32'));
    const labels = tf.cast(tf.oneHot(tf.tensor1d([1], 'int32'), 3), 'float32');
    const inputs = { inputIds: computed([1, 2, 3]), visualEmbeds: tf.ones([1, 2, 4]), labels };
    const step = await createTrainingStep(model, { learningRate: 0 });
    await step.run(inputs);
    const wrong = { ...inputs, inputIds: computed([1, 40, 3]) };
    const text = 'VisualBertForQuestionAnswering: inputIds: expected values from 0 to 39, received 40';
    await expect(step.run(wrong)).rejects.toThrow(text);
    await step.dispose();
    await model.forward(inputs).logits.data();
    expect(warnings).toEqual([]);
    await model.forward(wrong).logits.data();
    expect(warnings).toEqual([`${text}; the outputs of that call are wrong`]);
    model.dispose();
  });

  // Last: nothing may be read from the device after it.
  test('ends a read once the device has reported an error', async () => {
    await choose();
    const sum = tf.addN(Array.from({ length: 30 }, (_, i) => tf.add(tf.ones([4]), i)));
    await expect(sum.data()).rejects.toThrow(
      /WebGPU: The number of storage buffers \(31\).*limit \(8\)[^]*in a new process or page/,
    );
    await expect(tf.add(tf.ones([2]), 1).data()).rejects.toThrow('Results computed since then are wrong');
  });
});
