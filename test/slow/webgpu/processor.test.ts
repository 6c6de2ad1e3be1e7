// The processor takes and decodes tensors that were computed on WebGPU, which Node cannot read synchronously.
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { createTokenizer } from '#platform';
import { readRegions } from '../../../src/pipelines/regions.js';
import { AnswerVocabulary } from '../../../src/processing/answer-vocabulary.js';
import { VisualBertProcessor } from '../../../src/processing/processor.js';
import { describeOnWebGpu } from '../../helpers/machine/webgpu.js';

const VALUES = [0.5, 1, 2, 3, 4, 5];
/** A tensor whose values are on the device alone. */
const computed = (...shape: number[]): tf.Tensor => tf.mul(tf.tensor(VALUES, shape as [number]), 2);
const doubled = VALUES.map((value) => 2 * value);

describeOnWebGpu('tensors computed on WebGPU', () => {
  const tokenizer = createTokenizer({ 'vocab.txt': '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n' });
  const processor = new VisualBertProcessor({ tokenizer, answers: new AnswerVocabulary(['red', 'blue', 'green']) });

  test('are regions of one image, of a batch, and of a pipeline', async () => {
    const one = await processor({ text: 'a', visualEmbeds: computed(2, 3) });
    expect([...(one['visualEmbeds']?.data ?? [])]).toEqual(doubled);
    const batch = await processor({ text: ['a', 'a'], visualEmbeds: computed(2, 1, 3) });
    expect(batch['visualEmbeds']).toMatchObject({ shape: [2, 1, 3], data: Float32Array.from(doubled) });
    const regions = await readRegions(computed(3, 2), () => Promise.reject(new Error('this is no picture')));
    expect(regions).toMatchObject({ count: 3, dim: 2, features: Float32Array.from(doubled) });
  });

  test('are logits', async () => {
    const [first, second] = await processor.decodeAnswers(computed(2, 3), { topK: 1 });
    expect([first, second].map((answers) => answers?.[0]?.answer)).toEqual(['green', 'green']);
    expect(first?.[0]?.score).toBeCloseTo(Math.exp(4) / (Math.exp(1) + Math.exp(2) + Math.exp(4)), 6);
  });
});
