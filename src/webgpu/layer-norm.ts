// Layer norms on WebGPU, of x, of x + residual and of dropout(x) + residual: one workgroup per row, and another kernel that sums over the rows.
import type * as tf from '@tensorflow/tfjs';
import { columnGroups, columnSums } from './column-sums.js';
import { type Attributes, type Inputs, type Kernel, run, type WebGpuBackend, type WebGpuKernel } from './kernel.js';
import { DROPOUT, DROPOUT_UNIFORMS, dropoutUniforms } from './philox.js';
import { eachOfRow, matrixSizes, REDUCTIONS, ROW } from './rows.js';

const UNIFORMS = { rows: 'i32', width: 'i32', epsilon: 'f32' } as const;

/** `mean` and `inverse`, 1 / sqrt(variance + epsilon), of the row that `value` (of i) gives; `first` is done with each element before. */
function statistics(value: string, first = '', perBlock = ''): string {
  return `
  var part = 0.0;
  ${eachOfRow(`${first} part += ${value};`, perBlock)}
  let mean = total(part) / f32(uniforms.width);
  part = 0.0;
  ${eachOfRow(`let distance = ${value} - mean; part += distance * distance;`)}
  let inverse = inverseSqrt(total(part) / f32(uniforms.width) + uniforms.epsilon);`;
}

const WRITE = (value: string): string => eachOfRow(`y[i] = (${value} - mean) * inverse * weight[c] + bias[c];`);

const NORM: Kernel = {
  name: 'FusedLayerNorm',
  inputs: ['x', 'weight', 'bias'],
  results: ['y'],
  uniforms: UNIFORMS,
  code: `${REDUCTIONS} fn main(index: i32) { ${ROW} ${statistics('x[i]')} ${WRITE('x[i]')} }`,
};

const ADD_NORM: Kernel = {
  name: 'FusedAddLayerNorm',
  inputs: ['x', 'residual', 'weight', 'bias'],
  results: ['y', 'sum'],
  uniforms: UNIFORMS,
  code: `${REDUCTIONS} fn main(index: i32) {
    ${ROW} ${statistics('sum[i]', 'sum[i] = x[i] + residual[i];')} ${WRITE('sum[i]')}
  }`,
};

const DROPOUT_ADD_NORM: Kernel = {
  name: 'FusedDropoutAddLayerNorm',
  inputs: ['x', 'residual', 'weight', 'bias', 'key'],
  results: ['y', 'sum'],
  uniforms: { ...UNIFORMS, ...DROPOUT_UNIFORMS },
  code: `${DROPOUT} ${REDUCTIONS} fn main(index: i32) {
    ${ROW}
    ${statistics('sum[i]', 'sum[i] = dropped(x[i], noise[word]) + residual[i];', 'let noise = uniformBlock(block);')}
    ${WRITE('sum[i]')}
  }`,
};

/** The gradient of x; `moments` keeps mean and inverse of each row for the sums over the rows. `write` is done with `gradient`. */
const gradient = (write: string, perBlock = ''): string => `${REDUCTIONS}
fn main(index: i32) {
  ${ROW}
  ${statistics('x[i]')}
  var unitPart = 0.0;
  part = 0.0;
  ${eachOfRow(`
    let dUnit = dy[i] * weight[c];
    part += dUnit;
    unitPart += dUnit * (x[i] - mean) * inverse;`)}
  let meanGradient = total(part) / f32(uniforms.width);
  let slope = total(unitPart) / f32(uniforms.width);
  ${eachOfRow(
    `let gradient = (dy[i] * weight[c] - meanGradient - (x[i] - mean) * inverse * slope) * inverse; ${write}`,
    perBlock,
  )}
  if (localIndex == 0u && row < uniforms.rows) {
    moments[2 * row] = mean;
    moments[2 * row + 1] = inverse;
  }
}`;

const GRAD: Kernel = {
  name: 'FusedLayerNormGrad',
  inputs: ['dy', 'x', 'weight'],
  results: ['dx', 'moments'],
  uniforms: UNIFORMS,
  code: gradient('dx[i] = gradient;'),
};

const DROPOUT_GRAD: Kernel = {
  name: 'FusedDropoutAddLayerNormGrad',
  inputs: ['dy', 'x', 'weight', 'key'],
  results: ['dx', 'dResidual', 'moments'],
  uniforms: { ...UNIFORMS, ...DROPOUT_UNIFORMS },
  code:
    DROPOUT +
    gradient('dResidual[i] = gradient; dx[i] = dropped(gradient, noise[word]);', 'let noise = uniformBlock(block);'),
};

const WEIGHTS_GRAD: Kernel = {
  name: 'LayerNormWeightsGrad',
  inputs: ['dy', 'x', 'moments'],
  results: ['dWeight', 'dBias'],
  uniforms: { rows: 'i32', width: 'i32' },
  code: columnSums(['dWeight', 'dBias'], ['dy[i] * (x[i] - moments[2 * row]) * moments[2 * row + 1]', 'dy[i]']),
};

/** Gradients of weight and bias, and the moments are given back. */
function weightGradients(
  backend: WebGpuBackend,
  dy: tf.TensorInfo,
  x: tf.TensorInfo,
  moments: tf.TensorInfo,
): tf.TensorInfo[] {
  const sizes = matrixSizes(x);
  const results = [[sizes.width], [sizes.width]];
  const workgroups = columnGroups(sizes.width);
  const gradients = run(backend, WEIGHTS_GRAD, { inputs: [dy, x, moments], results, uniforms: sizes, workgroups });
  backend.disposeData(moments.dataId);
  return gradients;
}

const uniformsOf = (x: tf.TensorInfo, { epsilon }: Attributes): Record<keyof typeof UNIFORMS, number> => ({
  ...matrixSizes(x),
  epsilon: Number(epsilon),
});

type Norm = Inputs<'x' | 'residual' | 'weight' | 'bias' | 'key'>;
type NormGrad = Inputs<'dy' | 'x' | 'weight' | 'key'>;

export const LAYER_NORM_KERNELS: Readonly<Record<string, WebGpuKernel>> = {
  FusedLayerNorm: (backend: WebGpuBackend, { x, weight, bias }: Norm, attributes: Attributes) => {
    const uniforms = uniformsOf(x, attributes);
    return run(backend, NORM, { inputs: [x, weight, bias], results: [x.shape], uniforms, workgroups: uniforms.rows });
  },
  FusedAddLayerNorm: (backend: WebGpuBackend, { x, residual, weight, bias }: Norm, attributes: Attributes) => {
    const uniforms = uniformsOf(x, attributes);
    const inputs = [x, residual, weight, bias];
    return run(backend, ADD_NORM, { inputs, results: [x.shape, x.shape], uniforms, workgroups: uniforms.rows });
  },
  FusedDropoutAddLayerNorm: (
    backend: WebGpuBackend,
    { x, residual, weight, bias, key }: Norm,
    attributes: Attributes,
  ) => {
    const uniforms = { ...uniformsOf(x, attributes), ...dropoutUniforms(x.shape, key, attributes) };
    const inputs = [x, residual, weight, bias, key];
    return run(backend, DROPOUT_ADD_NORM, { inputs, results: [x.shape, x.shape], uniforms, workgroups: uniforms.rows });
  },
  FusedLayerNormGrad: (backend: WebGpuBackend, { dy, x, weight }: NormGrad, attributes: Attributes) => {
    const uniforms = uniformsOf(x, attributes);
    const [dx, moments] = run(backend, GRAD, {
      inputs: [dy, x, weight],
      results: [x.shape, [2 * uniforms.rows]],
      uniforms,
      workgroups: uniforms.rows,
    }) as [tf.TensorInfo, tf.TensorInfo];
    return [dx, ...weightGradients(backend, dy, x, moments)];
  },
  FusedDropoutAddLayerNormGrad: (backend: WebGpuBackend, { dy, x, weight, key }: NormGrad, attributes: Attributes) => {
    const uniforms = { ...uniformsOf(x, attributes), ...dropoutUniforms(x.shape, key, attributes) };
    const [dx, dResidual, moments] = run(backend, DROPOUT_GRAD, {
      inputs: [dy, x, weight, key],
      results: [x.shape, x.shape, [2 * uniforms.rows]],
      uniforms,
      workgroups: uniforms.rows,
    }) as [tf.TensorInfo, tf.TensorInfo, tf.TensorInfo];
    return [dx, dResidual, ...weightGradients(backend, dy, x, moments)];
  },
};
