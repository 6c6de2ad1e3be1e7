// The update of parameters on WebGPU: one kernel per parameter, which updates parameter and moments in place.
import * as tf from '@tensorflow/tfjs';
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
};
