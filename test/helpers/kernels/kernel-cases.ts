// Formulas with kernels, and inputs for their edge cases: values and gradients are compared with those of plain JavaScript.
import * as tf from '@tensorflow/tfjs';
import { expect } from '@jest/globals';
import { activationFunction } from '../../../src/layers/activations.js';
import { attend, attentionBias } from '../../../src/layers/attention.js';
import { dropout } from '../../../src/layers/dropout.js';
import { addLayerNorm, dropoutAddLayerNorm, layerNorm } from '../../../src/layers/layer-norm.js';
import { linear } from '../../../src/layers/linear.js';
import { crossEntropy, klDivergence } from '../../../src/models/losses.js';
import { normalValues } from '../../../src/random/values.js';

export interface KernelCase {
  fn: (...inputs: tf.Tensor[]) => tf.Tensor;
  inputs: () => tf.Tensor[];
}

export const normal = (shape: number[], name: string, stddev = 1): tf.Tensor =>
  tf.tensor(normalValues(tf.util.sizeFromShape(shape), { seed: 1, name, stddev }), shape);

/** Values and gradients for all inputs, weighted by a fixed random tensor. */
async function valuesAndGradients({ fn, inputs }: KernelCase): Promise<Float32Array[]> {
  const tensors = tf.tidy(() => {
    const given = inputs();
    const weighted = (...args: tf.Tensor[]): tf.Scalar => {
      const value = fn(...args);
      return tf.sum(tf.mul(value, normal(value.shape, 'weights'))) as tf.Scalar;
    };
    return [fn(...given), ...tf.grads(weighted)(given)];
  });
  const values = await Promise.all(tensors.map(async (tensor) => (await tensor.data()) as Float32Array));
  tf.dispose(tensors);
  return values;
}

/** Computes a case on both backends. Sums of other orders differ by a few units in the last place of the largest value. */
export async function expectEqualOn(backend: string, one: KernelCase, tolerance = 2e-6): Promise<void> {
  await tf.setBackend('cpu');
  const expected = await valuesAndGradients(one);
  await tf.setBackend(backend);
  const received = await valuesAndGradients(one);
  expect(received.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
  received.forEach((values, i) => {
    const reference = expected[i] as Float32Array;
    const bound = tolerance * Math.max(1, ...reference.map(Math.abs));
    values.forEach((value, j) => expect(Math.abs(value - (reference[j] as number))).toBeLessThan(bound));
  });
}

const gelu = activationFunction('gelu');
const key = (): tf.Tensor1D => tf.tensor1d([3, 9], 'int32');
/** Of the third of several workers. */
const workerKey = (): tf.Tensor1D => tf.tensor1d([3, 9, 2], 'int32');

/** Attention of 2 examples with 3 heads: q queries, s keys. */
function attention(q: number, s: number, d: number, mask: number[][] | null): KernelCase {
  return {
    fn: (queries, keys, values) => {
      const bias = mask === null ? null : attentionBias(tf.tensor2d(mask, undefined, 'int32'));
      const context = { training: true, dropoutKey: key() };
      const args = { b: 2, n: 3, bias, headMask: null, dropout: { rate: 0.2, salt: 7 }, context };
      return attend(queries as tf.Tensor, keys as tf.Tensor, values as tf.Tensor, args).joined;
    },
    inputs: () => [normal([2 * q, 3 * d], 'q'), normal([2 * s, 3 * d], 'k'), normal([2 * s, 3 * d], 'v')],
  };
}

const labelsOf = (labels: number[]): tf.Tensor1D => tf.tensor1d(labels, 'int32');

const norms = (x: string, ...rest: string[]): tf.Tensor[] => [
  ...[x, ...rest].map((name) => normal([67, 19], name)),
  normal([19], 'w'),
  normal([19], 'b'),
];

export const KERNEL_CASES: Readonly<Record<string, KernelCase>> = {
  'gelu over 9 orders of magnitude': {
    fn: (x) => gelu(x as tf.Tensor),
    inputs: () => [tf.concat([normal([97], 'x', 3), tf.tensor1d([0, -0, 1e-5, -1e-5, 6, -6, 20, -20])])],
  },
  'layer norm': {
    fn: (x, weight, bias) => layerNorm(x as tf.Tensor, { weight: weight as tf.Tensor, bias: bias as tf.Tensor }, 1e-12),
    inputs: () => [normal([3, 35, 37], 'x', 2), normal([37], 'w'), normal([37], 'b')],
  },
  'layer norm of a sum': {
    fn: (x, y, weight, bias) =>
      addLayerNorm(x as tf.Tensor, y as tf.Tensor, { weight: weight as tf.Tensor, bias: bias as tf.Tensor }, 1e-5),
    inputs: () => norms('x', 'y'),
  },
  'layer norm of a sum after dropout': {
    fn: (x, y, weight, bias) =>
      dropoutAddLayerNorm(
        x as tf.Tensor,
        y as tf.Tensor,
        { weight: weight as tf.Tensor, bias: bias as tf.Tensor },
        1e-5,
        { site: { rate: 0.3, salt: 11 }, context: { training: true, dropoutKey: key() } },
      ),
    inputs: () => norms('x', 'y'),
  },
  'an affine map': {
    fn: (x, weight, bias) => linear(x as tf.Tensor, { weight: weight as tf.Tensor, bias: bias as tf.Tensor }),
    inputs: () => [normal([45, 21], 'x'), normal([13, 21], 'w'), normal([13], 'b')],
  },
  dropout: {
    fn: (x) => dropout(x as tf.Tensor, { rate: 0.3, salt: 0x9e3779b9 }, { training: true, dropoutKey: key() }),
    inputs: () => [normal([5, 2003], 'x')],
  },
  'dropout of one of several workers': {
    fn: (x) => dropout(x as tf.Tensor, { rate: 0.3, salt: 0x9e3779b9 }, { training: true, dropoutKey: workerKey() }),
    inputs: () => [normal([5, 2004], 'x')],
  },
  'attention with masked positions and dropout': attention(5, 5, 4, [
    [1, 1, 1, 1, 0],
    [1, 1, 0, 0, 0],
  ]),
  'attention of some queries to many positions, one example wholly masked': attention(7, 290, 18, [
    Array.from({ length: 290 }, (_, i) => Number(i % 3 > 0)),
    Array.from({ length: 290 }, () => 0),
  ]),
  'attention without a mask': attention(37, 37, 5, null),
  'cross-entropy with ignored labels and smoothing': {
    fn: (logits) => crossEntropy(logits as tf.Tensor, labelsOf([4, -100, 0, 299, -100, 7, 7]), 0.1),
    inputs: () => [normal([7, 300], 'logits', 5)],
  },
  'cross-entropy without any label': {
    fn: (logits) => crossEntropy(logits as tf.Tensor, labelsOf([-100, -100])),
    inputs: () => [normal([2, 9], 'logits', 5)],
  },
  'divergence of labels that do not add up to 1, zeros among them': {
    fn: (logits) =>
      klDivergence(logits as tf.Tensor, tf.relu(tf.sub(normal([2, 3, 70], 'labels').abs(), 0.7)), tf.scalar(2)),
    inputs: () => [normal([2, 3, 70], 'logits', 5)],
  },
  'divergence of labels for the whole batch': {
    fn: (logits) => klDivergence(logits as tf.Tensor, normal([1, 11], 'labels').abs(), tf.scalar(5)),
    inputs: () => [normal([5, 11], 'logits', 5)],
  },
};
