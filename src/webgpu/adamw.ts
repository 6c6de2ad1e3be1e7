// The update of parameters on WebGPU: one kernel per parameter, which updates parameter and moments in place, and the norm of all gradients.
import { tf } from '#tf';
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
import { REDUCTIONS } from './rows.js';

/** As the rules of src/training/step/optimizer.ts compute it. A bound below 0 is none: WGSL knows no infinite numbers. */
const ADAMW: Kernel = {
  name: 'FusedAdamW',
  inputs: ['gradient', 'norm', 'rate', 'firstCorrection', 'secondCorrection'],
  results: ['parameter', 'first', 'second'],
  uniforms: {
    ...{ elements: 'i32', share1: 'f32', share2: 'f32', epsilon: 'f32', decay: 'f32', rateFactor: 'f32' },
    ...{ maxNorm: 'f32', skipNonFinite: 'i32' },
  },
  code: `
fn main(i: i32) {
  let isFinite = (bitcast<u32>(norm[0]) & 0x7f800000u) != 0x7f800000u;
  if (i >= uniforms.elements || (uniforms.skipNonFinite == 1 && !isFinite)) { return; }
  var factor = 1.0;
  if (uniforms.maxNorm >= 0.0) {
    factor = uniforms.maxNorm / (norm[0] + 1e-6); // torch's constant
    if (factor > 1.0) { factor = 1.0; } // a norm of NaN stays one
  }
  let clipped = gradient[i] * factor;
  let m = first[i] + (clipped - first[i]) * uniforms.share1;
  let v = second[i] + (clipped * clipped - second[i]) * uniforms.share2;
  let groupRate = rate[0] * uniforms.rateFactor;
  let decayed = parameter[i] * (1.0 - groupRate * uniforms.decay);
  first[i] = m;
  second[i] = v;
  parameter[i] = decayed - m / (sqrt(v) * secondCorrection[0] + uniforms.epsilon) * (groupRate * firstCorrection[0]);
}`,
};

/** The tensor's own buffer, to be written to; a new one where another tensor shares it, as clones do, or it is no float32. */
function writable(backend: WebGpuBackend, tensor: tf.TensorInfo): tf.TensorInfo {
  const { dataId, shape, dtype } = tensor;
  if (backend.refCount(dataId) > 1 || backend.tensorMap.get(dataId).dtype !== 'float32') {
    const copy = tf.mul(tensor as tf.Tensor, 1);
    backend.incRef(copy.dataId);
    copy.dispose();
    return { dataId: copy.dataId, shape, dtype };
  }
  backend.incRef(dataId);
  return { dataId, shape, dtype };
}

/** Tensors whose squares one dispatch adds up: WebGPU promises 8 buffers. */
const MOST_TENSORS = 7;
/** Elements of a thread, and workgroups of a tensor at most. */
const [ELEMENTS, MOST_GROUPS] = [64, 256];

/** Writes the sum of each workgroup of several tensors. */
function partialSums(count: number): Kernel {
  const numbers = Array.from({ length: count }, (_, k) => k);
  const branches = numbers.map((k) => {
    const start = k === 0 ? '0' : `uniforms.end${k - 1}`;
    return `if (g < uniforms.end${k}) {
    for (var i = (g - ${start}) * ${THREADS} + i32(localIndex); i < uniforms.size${k}; i += (uniforms.end${k} - ${start}) * ${THREADS}) {
      part += x${k}[i] * x${k}[i];
    }
  }`;
  });
  return {
    name: `SumOfSquares${count}`,
    inputs: numbers.map((k) => `x${k}`),
    results: ['sums'],
    uniforms: {
      offset: 'i32',
      ...Object.fromEntries(
        numbers.flatMap((k) => [
          [`size${k}`, 'i32' as const],
          [`end${k}`, 'i32' as const],
        ]),
      ),
    },
    code: `${REDUCTIONS}
fn main(index: i32) {
  let g = group();
  var part = 0.0;
  ${branches.join(' else ')}
  let sum = total(part);
  if (localIndex == 0u && g < uniforms.end${count - 1}) { sums[uniforms.offset + g] = sum; }
}`,
  };
}
const PARTIAL_SUMS = Array.from({ length: MOST_TENSORS }, (_, i) => partialSums(i + 1));

const TOTAL: Kernel = {
  name: 'SumOfSums',
  inputs: ['sums'],
  results: ['y'],
  uniforms: { elements: 'i32' },
  code: `${REDUCTIONS}
fn main(index: i32) {
  var part = 0.0;
  for (var i = i32(localIndex); i < uniforms.elements; i += ${THREADS}) { part += sums[i]; }
  let sum = total(part);
  if (localIndex == 0u) { y[0] = sum; }
}`,
};

const groupsOf = ({ shape }: tf.TensorInfo): number =>
  Math.min(MOST_GROUPS, Math.max(1, Math.ceil(sizeOf(shape) / (THREADS * ELEMENTS))));

/** A scalar: of 7 tensors a dispatch, and one dispatch more. */
function sumOfSquares(backend: WebGpuBackend, tensors: readonly tf.TensorInfo[]): tf.TensorInfo[] {
  const given = tensors.filter(({ shape }) => sizeOf(shape) > 0);
  const elements = given.reduce((sum, tensor) => sum + groupsOf(tensor), 0);
  const sums = backend.makeTensorInfo([elements], 'float32');
  let offset = 0;
  for (let start = 0; start < given.length; start += MOST_TENSORS) {
    const inputs = given.slice(start, start + MOST_TENSORS);
    const uniforms: Record<string, number> = { offset };
    let end = 0;
    inputs.forEach((tensor, k) => {
      end += groupsOf(tensor);
      Object.assign(uniforms, { [`size${k}`]: sizeOf(tensor.shape), [`end${k}`]: end });
    });
    run(backend, PARTIAL_SUMS[inputs.length - 1] as Kernel, { inputs, results: [sums], uniforms, workgroups: end });
    offset += end;
  }
  const total = run(backend, TOTAL, { inputs: [sums], results: [[]], uniforms: { elements }, workgroups: 1 });
  backend.disposeData(sums.dataId);
  return total;
}

type Update = Inputs<
  'parameter' | 'first' | 'second' | 'gradient' | 'norm' | 'rate' | 'firstCorrection' | 'secondCorrection'
>;

export const UPDATE_KERNELS: Readonly<Record<string, WebGpuKernel>> = {
  FusedAdamW: (backend: WebGpuBackend, inputs: Update, attributes: Attributes) => {
    const { gradient, norm, rate, firstCorrection, secondCorrection } = inputs;
    const { beta1, beta2, epsilon, decay, rateFactor, maxNorm, skipNonFinite } = attributes;
    const results = [inputs.parameter, inputs.first, inputs.second].map((tensor) => writable(backend, tensor));
    const elements = sizeOf(gradient.shape);
    run(backend, ADAMW, {
      inputs: [gradient, norm, rate, firstCorrection, secondCorrection],
      results,
      uniforms: {
        elements,
        // 1 - beta is taken in float64: float32 would lose five digits of 1 - 0.999.
        share1: 1 - Number(beta1),
        share2: 1 - Number(beta2),
        ...{ epsilon: Number(epsilon), decay: Number(decay), rateFactor: Number(rateFactor) },
        maxNorm: Number.isFinite(maxNorm) ? Number(maxNorm) : -1,
        skipNonFinite: Number(skipNonFinite),
      },
      workgroups: Math.ceil(elements / THREADS),
    });
    for (const { dataId } of results) backend.tensorMap.get(dataId).values = null; // what was read before is old
    return results;
  },
  SumOfSquares: (backend: WebGpuBackend, { x }: Inputs<'x'>) => sumOfSquares(backend, [x]),
  SumOfAllSquares: (backend: WebGpuBackend, tensors: Inputs<string>) => sumOfSquares(backend, Object.values(tensors)),
};
