// Cross-entropy and Kullback-Leibler divergence on WebGPU: one workgroup per row of logits, and one that sums the rows.
import type * as tf from '@tensorflow/tfjs';
import { IGNORED_LABEL } from '../scores.js';
import { sizeOf } from '../shapes.js';
import {
  type Attributes,
  type Inputs,
  type Kernel,
  run,
  THREADS,
  type WebGpuBackend,
  type WebGpuKernel,
} from './kernel.js';
import { eachOfRow, matrixSizes, REDUCTIONS, ROW } from './rows.js';

const SIZES = { rows: 'i32', width: 'i32' } as const;

/** `peak`, the largest logit of the row, and `sum` of e^(logit - peak), kept for the gradient. */
const NORMALIZER = `
  var largest = -3.4028234663852886e38;
  ${eachOfRow('largest = max(largest, logits[i]);')}
  let peak = greatest(largest);
  var part = 0.0;
  ${eachOfRow('part += exp(logits[i] - peak);')}
  let sum = total(part);`;

/** Writes a row's loss, and what its gradient needs: peak, sum and the weight of its labels. */
const KEEP = (loss: string, weight: string): string => `
  if (localIndex == 0u && row < uniforms.rows) {
    rowLosses[row] = ${loss};
    moments[3 * row] = peak;
    moments[3 * row + 1] = sum;
    moments[3 * row + 2] = ${weight};
  }`;

/** The share of a label that class c of the row has, with smoothing as in src/models/losses.ts. */
const LABEL_SHARE = `
fn labelShare(label: i32, c: i32) -> f32 {
  if (label < 0 || label >= uniforms.width) { return 0.0; }
  return uniforms.smoothing / f32(uniforms.width) + select(0.0, 1.0 - uniforms.smoothing, c == label);
}
`;

const CROSS_ENTROPY_ROWS: Kernel = {
  name: 'CrossEntropyRows',
  inputs: ['logits', 'labels'],
  results: ['rowLosses', 'moments'],
  uniforms: { ...SIZES, smoothing: 'f32' },
  code: `${REDUCTIONS} ${LABEL_SHARE}
fn main(index: i32) {
  ${ROW} ${NORMALIZER}
  let label = i32(labels[row]);
  part = 0.0;
  var weightPart = 0.0;
  ${eachOfRow('let share = labelShare(label, c); part += share * (logits[i] - peak - log(sum)); weightPart += share;')}
  let loss = -total(part);
  let weight = total(weightPart);
  ${KEEP('loss', 'weight')}
}`,
};

const KL_ROWS: Kernel = {
  name: 'KlDivergenceRows',
  inputs: ['logits', 'labels'],
  results: ['rowLosses', 'moments'],
  uniforms: { ...SIZES, labelRows: 'i32' },
  code: `${REDUCTIONS}
fn main(index: i32) {
  ${ROW} ${NORMALIZER}
  let labels0 = row % uniforms.labelRows * uniforms.width;
  part = 0.0;
  var weightPart = 0.0;
  ${eachOfRow(`
    let y = labels[labels0 + c];
    part += y * (log(select(y, 1.0, y == 0.0)) - (logits[i] - peak - log(sum)));
    weightPart += y;`)}
  let loss = total(part);
  let weight = total(weightPart);
  ${KEEP('loss', 'weight')}
}`,
};

/** One workgroup. The divisor, how many labels count, is kept for the gradient. */
const CROSS_ENTROPY_MEAN: Kernel = {
  name: 'CrossEntropyMean',
  inputs: ['rowLosses', 'labels'],
  results: ['loss', 'divisor'],
  uniforms: { rows: 'i32' },
  code: `${REDUCTIONS}
fn main(index: i32) {
  var part = 0.0;
  var counted = 0.0;
  for (var row = i32(localIndex); row < uniforms.rows; row += ${THREADS}) {
    part += rowLosses[row];
    counted += select(1.0, 0.0, i32(labels[row]) == ${IGNORED_LABEL});
  }
  let sum = total(part);
  let count = max(total(counted), 1.0);
  if (localIndex == 0u) {
    divisor[0] = count;
    loss[0] = sum / count;
  }
}`,
};

const KL_MEAN: Kernel = {
  name: 'KlDivergenceMean',
  inputs: ['rowLosses', 'divisor'],
  results: ['loss'],
  uniforms: { rows: 'i32' },
  code: `${REDUCTIONS}
fn main(index: i32) {
  var part = 0.0;
  for (var row = i32(localIndex); row < uniforms.rows; row += ${THREADS}) { part += rowLosses[row]; }
  let sum = total(part);
  if (localIndex == 0u) { loss[0] = sum / divisor[0]; }
}`,
};

const grad = (name: string, share: string, before: string, uniforms: Kernel['uniforms']): Kernel => ({
  name,
  inputs: ['dy', 'logits', 'labels', 'moments', 'divisor'],
  results: ['dx'],
  uniforms: { elements: 'i32', ...uniforms },
  code: `${before}
fn main(i: i32) {
  if (i < uniforms.elements) {
    let row = i / uniforms.width;
    let c = i % uniforms.width;
    let softmax = exp(logits[i] - moments[3 * row]) / moments[3 * row + 1];
    dx[i] = (softmax * moments[3 * row + 2] - ${share}) * (dy[0] / divisor[0]);
  }
}`,
});
const CROSS_ENTROPY_GRAD = grad('CrossEntropyGrad', 'labelShare(i32(labels[row]), c)', LABEL_SHARE, {
  width: 'i32',
  smoothing: 'f32',
});
const KL_GRAD = grad('KlDivergenceGrad', 'labels[row % uniforms.labelRows * uniforms.width + c]', '', {
  width: 'i32',
  labelRows: 'i32',
});

type Loss = Inputs<'logits' | 'labels' | 'count'>;
type LossGrad = Inputs<'dy' | 'logits' | 'labels' | 'moments' | 'divisor'>;
type Rows = [rowLosses: tf.TensorInfo, moments: tf.TensorInfo];

function gradient(
  backend: WebGpuBackend,
  kernel: Kernel,
  given: LossGrad,
  uniforms: Record<string, number>,
): tf.TensorInfo[] {
  const { dy, logits, labels, moments, divisor } = given;
  const elements = sizeOf(logits.shape);
  return run(backend, kernel, {
    inputs: [dy, logits, labels, moments, divisor],
    results: [logits.shape],
    uniforms: { ...uniforms, elements, width: matrixSizes(logits).width },
    workgroups: Math.ceil(elements / THREADS),
  });
}

export const LOSS_KERNELS: Readonly<Record<string, WebGpuKernel>> = {
  CrossEntropy: (backend: WebGpuBackend, { logits, labels }: Loss, { smoothing }: Attributes) => {
    const { rows, width } = matrixSizes(logits);
    const [rowLosses, moments] = run(backend, CROSS_ENTROPY_ROWS, {
      inputs: [logits, labels],
      results: [[rows], [3 * rows]],
      uniforms: { rows, width, smoothing: Number(smoothing) },
      workgroups: rows,
    }) as Rows;
    const results = run(backend, CROSS_ENTROPY_MEAN, {
      ...{ inputs: [rowLosses, labels], results: [[], []], uniforms: { rows }, workgroups: 1 },
    });
    backend.disposeData(rowLosses.dataId);
    return [results[0] as tf.TensorInfo, moments, results[1] as tf.TensorInfo];
  },
  CrossEntropyGrad: (backend: WebGpuBackend, inputs: LossGrad, { smoothing }: Attributes) =>
    gradient(backend, CROSS_ENTROPY_GRAD, inputs, { smoothing: Number(smoothing) }),
  KlDivergence: (backend: WebGpuBackend, { logits, labels, count }: Loss) => {
    const { rows, width } = matrixSizes(logits);
    const [rowLosses, moments] = run(backend, KL_ROWS, {
      inputs: [logits, labels],
      results: [[rows], [3 * rows]],
      uniforms: { rows, width, labelRows: matrixSizes(labels).rows },
      workgroups: rows,
    }) as Rows;
    const results = run(backend, KL_MEAN, {
      inputs: [rowLosses, count],
      results: [[]],
      uniforms: { rows },
      workgroups: 1,
    });
    backend.disposeData(rowLosses.dataId);
    return [results[0] as tf.TensorInfo, moments];
  },
  KlDivergenceGrad: (backend: WebGpuBackend, inputs: LossGrad) =>
    gradient(backend, KL_GRAD, inputs, { labelRows: matrixSizes(inputs.labels).rows }),
};
