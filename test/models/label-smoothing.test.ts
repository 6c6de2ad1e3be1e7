// Label smoothing: the losses of PyTorch, and which models may be asked for it.
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { VisualBertConfig } from '../../src/config/config.js';
import { crossEntropy, klDivergence, smoothedLabels } from '../../src/models/losses.js';
import { VisualBertForPreTraining } from '../../src/models/pre-training.js';
import { VisualBertForVisualReasoning } from '../../src/models/visual-reasoning.js';
import { createTrainingStep } from '../../src/training/step/compiled-step.js';
import { useBackend } from '../helpers/backend.js';

let hasEngine = false;
beforeAll(async () => {
  hasEngine = (await useBackend()).backend === 'tensorflow';
});

const close = (values: ArrayLike<number>): unknown[] => Array.from(values, (value) => expect.closeTo(value, 6));

describe('label smoothing', () => {
  test('gives the cross-entropy and the gradient of torch.nn.functional.cross_entropy', () => {
    // F.cross_entropy(x, torch.tensor([2, -100, 0]), label_smoothing=0.1)
    const logits = tf.tensor2d([
      [1, 2, 3, 0],
      [0, 0, 1, 5],
      [5, 1, 1, -2],
    ]);
    const loss = (x: tf.Tensor): tf.Scalar => crossEntropy(x, tf.tensor1d([2, -100, 0], 'int32'), 0.1);
    const { value, grad } = tf.valueAndGrad(loss)(logits);
    expect(value.dataSync()[0]).toBeCloseTo(0.5010225772857666, 6);
    const first = [0.031072162091732025, 0.10594139248132706, -0.14054284989833832, 0.0035293027758598328];
    const last = [0.01940763182938099, -0.003673555562272668, -0.003673555562272668, -0.01206055749207735];
    expect([...grad.dataSync()]).toEqual(close([...first, 0, 0, 0, 0, ...last]));
  });

  test('smooths soft labels by their sum', () => {
    // F.kl_div(F.log_softmax(x, -1), 0.8 * y + 0.2 * y.mean(-1, keepdim=True), reduction='batchmean')
    const labels = smoothedLabels(tf.tensor2d([[0, 0.6, 0.3, 0]]), 0.2);
    const loss = (x: tf.Tensor): tf.Scalar => klDivergence(x, labels, tf.scalar(1));
    const { value, grad } = tf.valueAndGrad(loss)(tf.tensor2d([[1, 2, 3, 0]]));
    expect(value.dataSync()[0]).toBeCloseTo(0.17103412747383118, 6);
    const expected = [0.03342990204691887, -0.31180548667907715, 0.29452288150787354, -0.016147252172231674];
    expect([...grad.dataSync()]).toEqual(close(expected));
  });

  const config = new VisualBertConfig({
    ...{ vocabSize: 20, hiddenSize: 8, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 8 },
    ...{ visualEmbeddingDim: 3, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0, numLabels: 3 },
  });

  test('changes the loss that is trained on, eager and compiled, but not the one that is evaluated', async () => {
    const inputs = { inputIds: [[2, 7, 3], [2, 9, 3]], visualEmbeds: tf.ones([2, 2, 3]), labels: [2, 0] }; // prettier-ignore
    for (const compile of hasEngine ? [false, true] : [false]) {
      const model = new VisualBertForVisualReasoning(config, { seed: 0 });
      const { logits, loss } = model.forward(inputs);
      const smoothed = crossEntropy(logits, tf.tensor1d([2, 0], 'int32'), 0.3).dataSync()[0] as number;
      const step = await createTrainingStep(model, { labelSmoothing: 0.3, learningRate: 0, compile });
      expect((await step.run(inputs)).loss).toBeCloseTo(smoothed, 6);
      const evaluated = (await step.outputs(inputs))['loss']?.data[0];
      expect(evaluated).toBeCloseTo(loss?.dataSync()[0] as number, 6);
      expect(evaluated).not.toBeCloseTo(smoothed, 6);
      await step.dispose();
      model.dispose();
    }
  });

  test('is refused where no class is the right one', async () => {
    const model = new VisualBertForPreTraining(config, { seed: 0 });
    await expect(createTrainingStep(model, { labelSmoothing: 0.1, compile: false })).rejects.toThrow(
      /labelSmoothing needs a head that chooses one of several classes/,
    );
    await expect(createTrainingStep(model, { labelSmoothing: 1, compile: false })).rejects.toThrow(
      /labelSmoothing: expected a number from 0 to below 1/,
    );
    model.dispose();
  });
});
