// Scaled masked softmax on WebGPU, optionally followed by dropout: one workgroup per row.
import type * as tf from '@tensorflow/tfjs';
import { type Attributes, type Inputs, type Kernel, run, type WebGpuBackend, type WebGpuKernel } from './kernel.js';
import { DROPOUT, DROPOUT_UNIFORMS, dropoutUniforms } from './philox.js';
import { eachOfRow, matrixSizes, REDUCTIONS, ROW } from './rows.js';

const UNIFORMS = { rows: 'i32', width: 'i32', factor: 'f32' } as const;
const NOISE = 'let noise = uniformBlock(block);';

interface Variant {
  hasBias: boolean;
  drops: boolean;
}

function softmax({ hasBias, drops }: Variant): Kernel {
  const bias = hasBias ? ' + bias[row / uniforms.rowsOfExample * uniforms.width + c]' : '';
  return {
    name: `FusedSoftmax${hasBias ? 'Bias' : ''}${drops ? 'Dropout' : ''}`,
    inputs: ['scores', ...(hasBias ? ['bias'] : []), ...(drops ? ['key'] : [])],
    results: ['y', ...(drops ? ['z'] : [])],
    uniforms: { ...UNIFORMS, ...(hasBias ? { rowsOfExample: 'i32' } : {}), ...(drops ? DROPOUT_UNIFORMS : {}) },
    code: `${drops ? DROPOUT : ''} ${REDUCTIONS}
fn main(index: i32) {
  ${ROW}
  var largest = -3.4028234663852886e38; // a wholly masked row has no larger one
  ${eachOfRow(`let score = scores[i] * uniforms.factor${bias}; y[i] = score; largest = max(largest, score);`)}
  let peak = greatest(largest);
  var part = 0.0;
  ${eachOfRow('let power = exp(y[i] - peak); y[i] = power; part += power;')}
  let sum = total(part);
  ${eachOfRow(`y[i] = y[i] / sum; ${drops ? 'z[i] = dropped(y[i], noise[word]);' : ''}`, drops ? NOISE : '')}
}`,
  };
}

function softmaxGrad(drops: boolean): Kernel {
  const dy = drops ? 'dScores[i]' : 'dy[i]';
  return {
    name: `FusedSoftmax${drops ? 'Dropout' : ''}Grad`,
    inputs: ['dy', 'y', ...(drops ? ['key'] : [])],
    results: ['dScores'],
    uniforms: { ...UNIFORMS, ...(drops ? DROPOUT_UNIFORMS : {}) },
    // without their mean, gradients that are equal for all positions cause less rounding error
    code: `${drops ? DROPOUT : ''} ${REDUCTIONS}
fn main(index: i32) {
  ${ROW}
  var part = 0.0;
  ${drops ? eachOfRow('dScores[i] = dropped(dy[i], noise[word]); part += dScores[i];', NOISE) : eachOfRow('part += dy[i];')}
  let mean = total(part) / f32(uniforms.width);
  part = 0.0;
  ${eachOfRow(`part += (${dy} - mean) * y[i];`)}
  let sum = total(part);
  ${eachOfRow(`dScores[i] = ((${dy} - mean) * y[i] - y[i] * sum) * uniforms.factor;`)}
}`,
  };
}

const SOFTMAX = [false, true].map((hasBias) => [false, true].map((drops) => softmax({ hasBias, drops })));
const SOFTMAX_GRAD = softmaxGrad(false);
const SOFTMAX_DROPOUT_GRAD = softmaxGrad(true);

type Scores = { scores: tf.TensorInfo; bias?: tf.TensorInfo; key?: tf.TensorInfo };

function forward(backend: WebGpuBackend, { scores, bias, key }: Scores, attributes: Attributes): tf.TensorInfo[] {
  const { shape } = scores;
  const sizes = uniformsOf(scores, attributes);
  const kernel = SOFTMAX[bias === undefined ? 0 : 1]?.[key === undefined ? 0 : 1] as Kernel;
  return run(backend, kernel, {
    inputs: [scores, bias, key].filter((tensor) => tensor !== undefined),
    results: key === undefined ? [shape] : [shape, shape],
    uniforms: {
      ...sizes,
      rowsOfExample: sizes.rows / (bias?.shape[0] ?? 1),
      ...(key === undefined ? {} : dropoutUniforms(shape, key, attributes)),
    },
    workgroups: sizes.rows,
  });
}

const uniformsOf = (scores: tf.TensorInfo, { scale }: Attributes): Record<keyof typeof UNIFORMS, number> => ({
  ...matrixSizes(scores),
  factor: Number(scale),
});

export const SOFTMAX_KERNELS: Readonly<Record<string, WebGpuKernel>> = {
  FusedSoftmax: forward,
  FusedSoftmaxDropout: forward,
  FusedSoftmaxGrad: (backend: WebGpuBackend, { dy, y }: Inputs<'dy' | 'y'>, attributes: Attributes) => {
    const uniforms = uniformsOf(y, attributes);
    return run(backend, SOFTMAX_GRAD, { inputs: [dy, y], results: [y.shape], uniforms, workgroups: uniforms.rows });
  },
  FusedSoftmaxDropoutGrad: (
    backend: WebGpuBackend,
    { dy, y, key }: Inputs<'dy' | 'y' | 'key'>,
    attributes: Attributes,
  ) => {
    const uniforms = { ...uniformsOf(y, attributes), ...dropoutUniforms(y.shape, key, attributes) };
    const inputs = [dy, y, key];
    return run(backend, SOFTMAX_DROPOUT_GRAD, { inputs, results: [y.shape], uniforms, workgroups: uniforms.rows });
  },
};
