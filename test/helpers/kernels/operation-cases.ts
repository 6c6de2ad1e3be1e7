// Calls of every tfjs operation that layers, losses, random numbers and docs use, in the same forms.
// A case is text as well: it runs in a browser too, and so refers to nothing but its arguments.
import type * as tfjs from '@tensorflow/tfjs';

/** Makes the same values on every backend. */
export interface Values {
  /** float32 in [-2, 2). */
  f(...shape: number[]): tfjs.Tensor;
  /** int32 from 0 to 4. */
  i(...shape: number[]): tfjs.Tensor;
  /** bool. */
  b(...shape: number[]): tfjs.Tensor;
}

export type Case = (tf: typeof tfjs, v: Values) => tfjs.Tensor;

/** The values of a case, from the first on. Text too. */
export function createValues(tf: typeof tfjs): Values {
  let state = 7;
  const next = (): number => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
  const make = (shape: number[], dtype: 'float32' | 'int32' | 'bool', value: () => number): tfjs.Tensor => {
    const size = shape.reduce((product, n) => product * n, 1);
    return tf.tensor(Array.from({ length: size }, value), shape, dtype);
  };
  return {
    f: (...shape) => make(shape, 'float32', () => next() * 4 - 2),
    i: (...shape) => make(shape, 'int32', () => Math.floor(next() * 5)),
    b: (...shape) => make(shape, 'bool', () => (next() > 0.5 ? 1 : 0)),
  };
}

/** By name of the operation, then by form. */
export const OPERATION_CASES: Readonly<Record<string, Readonly<Record<string, Case>>>> = {
  argMax: { 'of rows': (tf, v) => tf.argMax(v.f(4, 3), -1), 'of columns': (tf, v) => tf.argMax(v.f(4, 3), 0) },
  add: {
    'of one shape': (tf, v) => tf.add(v.f(2, 3, 4), v.f(2, 3, 4)),
    'row by row': (tf, v) => tf.add(v.f(2, 3, 4), v.f(4)),
    'of a column': (tf, v) => tf.add(v.f(2, 3, 4), v.f(2, 1, 4)),
    'of both sides': (tf, v) => tf.add(v.f(2, 1, 4), v.f(1, 3, 1)),
    'of a mask': (tf, v) => tf.add(v.f(2, 3, 4, 5), v.f(2, 1, 1, 5)),
    'of a number': (tf, v) => tf.add(v.f(2, 3), 1e-12),
    'of positions': (tf, v) => tf.add(v.i(2, 3), v.i(2, 1)),
    'of nothing': (tf, v) => tf.add(v.f(0, 3), v.f(3)),
  },
  addN: { 'of three': (tf, v) => tf.addN([v.f(2, 3), v.f(2, 3), v.f(2, 3)]) },
  cast: {
    'int32 to float32': (tf, v) => tf.cast(v.i(2, 3), 'float32'),
    'bool to float32': (tf, v) => tf.cast(v.b(2, 3), 'float32'),
    'bool to int32': (tf, v) => tf.cast(v.b(2, 3), 'int32'),
    'float32 to int32': (tf, v) => tf.cast(v.f(2, 3), 'int32'),
    'of a comparison': (tf, v) => tf.cast(tf.notEqual(v.f(2, 3), 0), 'int32'),
  },
  clipByValue: { 'to both sides': (tf, v) => tf.clipByValue(v.f(2, 3), -1, 1) },
  clone: { 'of a matrix': (tf, v) => tf.clone(v.f(2, 3)) },
  concat: {
    'of sequences': (tf, v) => tf.concat([v.f(2, 3, 4), v.f(2, 5, 4)], 1),
    'of masks': (tf, v) => tf.concat([v.f(2, 1, 1, 4), v.f(2, 1, 1, 5)], 3),
    'with nothing': (tf, v) => tf.concat([v.f(2, 3, 4), v.f(2, 0, 4)], 1),
    'of ids': (tf, v) => tf.concat([v.i(2, 3), v.i(2, 2)], 1),
  },
  div: {
    'by a column': (tf, v) => tf.div(v.f(2, 3), tf.add(tf.square(v.f(2, 1)), 1)),
    'by a scalar': (tf, v) => tf.div(v.f(2, 3), tf.scalar(3)),
    'by 0': (tf) => tf.div(tf.tensor1d([1, -1]), tf.tensor1d([0, 0])),
  },
  elu: { 'of values': (tf, v) => tf.elu(v.f(2, 3)) },
  equal: {
    'of ids and classes': (tf, v) => tf.equal(tf.expandDims(v.i(4), 1), tf.range(0, 5, 1, 'int32')),
    'of a number': (tf, v) => tf.equal(v.i(4), 3),
    'of labels and 0': (tf) => tf.equal(tf.tensor1d([0, -0, 0.5]), 0),
  },
  erf: { 'of values': (tf) => tf.erf(tf.linspace(-4, 4, 33)) },
  exp: { 'of values': (tf) => tf.exp(tf.tensor1d([-200, -88, -1, 0, 1, 88])) },
  expandDims: {
    'at the end': (tf, v) => tf.expandDims(v.f(2, 3), -1),
    'in front': (tf, v) => tf.expandDims(v.f(2, 3), 0),
  },
  fill: { 'of int32': (tf) => tf.fill([2], 5, 'int32'), 'of float32': (tf) => tf.fill([2, 3], 0.5) },
  gather: {
    'of rows': (tf, v) => tf.gather(v.f(5, 3), v.i(2, 3)),
    'of flat states': (tf, v) => tf.gather(v.f(6, 4), v.i(3)),
    'of columns': (tf, v) => tf.gather(v.f(2, 5, 3), v.i(4), 1),
    'of no row': (tf, v) => tf.gather(v.f(5, 3), v.i(0)),
  },
  greaterEqual: { 'of random numbers': (tf, v) => tf.greaterEqual(v.f(2, 3), 0.1) },
  isFinite: { 'of values': (tf) => tf.isFinite(tf.tensor1d([1, NaN, Infinity, -Infinity, 0])) },
  leakyRelu: { 'of values': (tf, v) => tf.leakyRelu(v.f(2, 3), 0.01) },
  less: { 'of values': (tf, v) => tf.less(v.f(2, 3), v.f(2, 3)) },
  log: { 'of values': (tf) => tf.log(tf.tensor1d([1e-30, 0.5, 1, 2, 1e30])) },
  logSoftmax: { 'of rows': (tf, v) => tf.logSoftmax(v.f(2, 5)) },
  logicalAnd: { 'of bools': (tf, v) => tf.logicalAnd(v.b(2, 3), v.b(2, 3)) },
  logicalNot: { 'of bools': (tf, v) => tf.logicalNot(v.b(2, 3)) },
  matMul: {
    plain: (tf, v) => tf.matMul(v.f(3, 4), v.f(4, 5)),
    'by the transposed': (tf, v) => tf.matMul(v.f(3, 4), v.f(5, 4), false, true),
    'of the transposed': (tf, v) => tf.matMul(v.f(4, 3), v.f(4, 5), true, false),
    'of heads': (tf, v) => tf.matMul(v.f(2, 3, 4, 5), v.f(2, 3, 6, 5), false, true),
    'of heads, plain': (tf, v) => tf.matMul(v.f(2, 3, 4, 5), v.f(2, 3, 5, 6)),
    'of large ones': (tf, v) => tf.matMul(v.f(70, 130), v.f(130, 60)),
  },
  max: { 'of rows': (tf, v) => tf.max(v.f(2, 5), -1, true), 'of all': (tf, v) => tf.max(v.i(2, 5)) },
  maximum: {
    'of a number': (tf, v) => tf.maximum(v.f(2, 3), 1),
    'of int32': (tf, v) => tf.maximum(v.i(3), tf.scalar(2, 'int32')),
  },
  mean: {
    'of the last axis': (tf, v) => tf.mean(v.f(2, 3, 4), -1, true),
    'of rows': (tf, v) => tf.mean(v.f(5, 3), 0, true),
    'of all': (tf, v) => tf.mean(v.f(5, 3)),
  },
  min: { 'of rows': (tf, v) => tf.min(v.f(2, 5), -1) },
  minimum: { 'of a scalar': (tf, v) => tf.minimum(v.f(2, 3), tf.scalar(1)) },
  mul: {
    'of one shape': (tf, v) => tf.mul(v.f(2, 3), v.f(2, 3)),
    'of a head mask': (tf, v) => tf.mul(v.f(2, 3, 4, 5), v.f(1, 3, 1, 1)),
    'of weights': (tf, v) => tf.mul(v.f(2, 3, 4, 5), v.f(2, 3, 4, 1)),
    'of int32': (tf, v) => tf.mul(v.i(2, 3), v.i(2, 3)),
    'of a number': (tf, v) => tf.mul(v.f(2, 3), Math.SQRT1_2),
  },
  neg: { 'of float32': (tf, v) => tf.neg(v.f(2, 3)), 'of int32': (tf, v) => tf.neg(v.i(3)) },
  notEqual: { 'of a mask': (tf, v) => tf.notEqual(v.f(2, 3), 0), 'of ids': (tf, v) => tf.notEqual(v.i(2, 3, 4), -1) },
  oneHot: {
    'of int32': (tf, v) => tf.oneHot(v.i(3) as tfjs.Tensor1D, 5),
    'made float32 by cast': (tf, v) => tf.cast(tf.oneHot(v.i(3) as tfjs.Tensor1D, 5), 'float32'),
  },
  ones: { 'of float32': (tf) => tf.ones([2, 3]), 'of int32': (tf) => tf.ones([2, 3], 'int32') },
  onesLike: { 'of float32': (tf, v) => tf.onesLike(v.f(2, 3)), 'of int32': (tf, v) => tf.onesLike(v.i(3)) },
  pow: { 'of a scalar': (tf) => tf.pow(tf.scalar(0.9), tf.scalar(3)) },
  range: {
    'of row starts': (tf) => tf.range(0, 12, 4, 'int32'),
    'of classes': (tf) => tf.range(0, 5, 1, 'int32'),
  },
  relu: { 'of values': (tf, v) => tf.relu(v.f(2, 3)) },
  relu6: { 'of values': (tf, v) => tf.relu6(tf.mul(v.f(2, 3), 5)) },
  reshape: {
    'of states': (tf, v) => tf.reshape(v.f(2, 3, 4), [-1, 4]),
    'of nothing': (tf, v) => tf.reshape(v.f(2, 0, 4), [0, 4]),
  },
  rsqrt: { 'of variances': (tf, v) => tf.rsqrt(tf.add(tf.square(v.f(2, 3)), 1e-12)) },
  scalar: { 'of int32': (tf) => tf.scalar(2, 'int32') },
  selu: { 'of values': (tf, v) => tf.selu(v.f(2, 3)) },
  sigmoid: { 'of values': (tf) => tf.sigmoid(tf.tensor1d([-100, -1, 0, 1, 100])) },
  slice: {
    'of a position': (tf, v) => tf.slice(v.f(2, 3, 4), [0, 0, 0], [-1, 1, -1]),
    'of rows': (tf, v) => tf.slice(v.f(5, 3), [1, 0], [2, -1]),
    'of regions': (tf, v) => tf.slice(v.i(2, 4, 3), [0, 0, 0], [-1, 2, -1]),
    'of a vector': (tf, v) => tf.slice(v.f(5), [1], [3]),
  },
  softmax: { 'of heads': (tf, v) => tf.softmax(v.f(2, 3, 4, 5)), 'of masked scores': (tf) => tf.softmax(tf.tensor2d([[1, -3.4e38, 2], [-3.4e38, -3.4e38, -3.4e38]])) }, // prettier-ignore
  softplus: { 'of values': (tf) => tf.softplus(tf.tensor1d([-100, -1, 0, 1, 100])) },
  split: { 'of text and regions': (tf, v) => tf.concat(tf.split(v.f(2, 5, 3), [2, 3], 1).reverse(), 1) },
  sqrt: { 'of values': (tf) => tf.sqrt(tf.tensor1d([0, 1e-12, 2, 1e12])) },
  square: { 'of values': (tf, v) => tf.square(v.f(2, 3)) },
  squeeze: { 'of a position': (tf, v) => tf.squeeze(v.f(2, 1, 4), [1]) },
  sub: {
    'of one shape': (tf, v) => tf.sub(v.f(2, 3), v.f(2, 3)),
    'of a mean': (tf, v) => tf.sub(v.f(2, 3, 4), v.f(2, 3, 1)),
    'of int32': (tf, v) => tf.sub(v.i(3), tf.scalar(2, 'int32')),
    'from 1': (tf, v) => tf.sub(1, v.f(2, 1, 1, 3)),
  },
  sum: {
    'of the last axis': (tf, v) => tf.sum(v.f(2, 3, 4), -1, true),
    'of rows': (tf, v) => tf.sum(v.f(2, 3, 4), [0, 1]),
    'of all': (tf, v) => tf.sum(v.f(2, 3)),
    'of int32': (tf, v) => tf.sum(v.i(2, 3), 1),
    'of an axis inside': (tf, v) => tf.sum(v.f(2, 3, 4, 5), 2),
  },
  tanh: { 'of values': (tf) => tf.tanh(tf.tensor1d([-100, -1, 0, 1, 100])) },
  tile: {
    'of an image': (tf, v) => tf.tile(v.f(1, 3, 4), [2, 1, 1]),
    'of rows': (tf, v) => tf.tile(v.f(1, 3), [4, 1]),
    'of numbers of examples and choices': (tf, v) => tf.tile(v.i(1, 2, 3), [4, 1, 1]),
  },
  transpose: {
    'of heads': (tf, v) => tf.transpose(v.f(2, 3, 4, 5), [0, 2, 1, 3]),
    'of a matrix': (tf, v) => tf.transpose(v.f(3, 4)),
  },
  unsortedSegmentSum: {
    'of gradients': (tf, v) => tf.unsortedSegmentSum(v.f(4, 3), tf.tensor1d([0, 2, 0, -1], 'int32'), 3),
  },
  where: {
    'of float32': (tf, v) => tf.where(v.b(2, 3), v.f(2, 3), v.f(2, 3)),
    'of int32': (tf, v) => tf.where(v.b(4), v.i(4), v.i(4)),
  },
  zeros: { 'of float32': (tf) => tf.zeros([2, 3]), 'of int32': (tf) => tf.zeros([2], 'int32') },
  zerosLike: { 'of values': (tf, v) => tf.zerosLike(v.f(2, 3)) },
};

/** A form that gives other values than it should. */
export interface WrongForm {
  on: readonly string[];
  form: Case;
  right: readonly number[];
  /** The result is memory that was not written: it may be right by luck. */
  isByLuck?: boolean;
}

/** Forms that tfjs 4.22 computes wrongly, and where: nothing here may use them. */
export const WRONG_FORMS: Readonly<Record<string, WrongForm>> = {
  "oneHot(..., 'float32')": {
    on: ['wasm'],
    form: (tf) => tf.oneHot(tf.tensor1d([1], 'int32'), 3, 1, 0, 'float32'),
    right: [0, 1, 0],
  },
  'cast to bool': {
    on: ['wasm'],
    form: (tf) => tf.cast(tf.cast(tf.tensor1d([0, 3, 0.5]), 'bool'), 'int32'),
    right: [0, 1, 1],
  },
  'matMul over a middle axis of 1': {
    on: ['cpu', 'wasm', 'webgl'],
    form: (tf) => tf.matMul(tf.tensor4d([1, 2], [2, 1, 1, 1]), tf.tensor4d([1, 2, 3, 4], [2, 2, 1, 1])),
    right: [1, 2, 6, 8],
  },
  'sum of no row': {
    on: ['wasm', 'webgl'],
    isByLuck: true,
    form: (tf) => tf.sum(tf.zeros([0, 3]), 0),
    right: [0, 0, 0],
  },
  'clipByValue of NaN': { on: ['wasm'], form: (tf) => tf.clipByValue(tf.tensor1d([NaN]), -1, 1), right: [NaN] },
  'relu6 of NaN': { on: ['wasm'], form: (tf) => tf.relu6(tf.tensor1d([NaN])), right: [NaN] },
};
