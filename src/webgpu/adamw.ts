// The update of parameters on WebGPU, two in a dispatch: parameters and moments are updated in place.
import { tf } from '#tf';
import {
  type Attributes,
  type Inputs,
  type Kernel,
  packScalars,
  run,
  THREADS,
  type WebGpuBackend,
  type WebGpuKernel,
} from './kernel.js';
import { dispatches, forEachTensor, tensorUniforms } from './tensors-in-turn.js';

/** Of one dispatch: each needs four of the 8 buffers that WebGPU promises. */
const MOST_PARAMETERS = 2;

const SLOTS = ['parameter', 'first', 'second'] as const;
const SCALARS = ['norm', 'rate', 'firstCorrection', 'secondCorrection'] as const;

/** As the rules of src/training/step/optimizer.ts compute it. A bound below 0 is none: WGSL knows no infinite numbers. */
function adamW(count: number): Kernel {
  const numbers = Array.from({ length: count }, (_, k) => k);
  const updates = forEachTensor(
    count,
    (k, first) => `
    let i = (g - ${first}) * ${THREADS} + i32(localIndex);
    if (i >= uniforms.size${k}) { return; }
    let clipped = gradient${k}[i] * factor;
    let m = first${k}[i] + (clipped - first${k}[i]) * uniforms.share1;
    let v = second${k}[i] + (clipped * clipped - second${k}[i]) * uniforms.share2;
    let groupRate = scalars.rate * uniforms.rateFactor${k};
    let decayed = parameter${k}[i] * (1.0 - groupRate * uniforms.decay${k});
    first${k}[i] = m;
    second${k}[i] = v;
    parameter${k}[i] = decayed - m / (sqrt(v) * scalars.secondCorrection + uniforms.epsilon)
      * (groupRate * scalars.firstCorrection);
  `,
  );
  return {
    name: `FusedAdamW${count}`,
    inputs: numbers.map((k) => `gradient${k}`),
    results: numbers.flatMap((k) => SLOTS.map((slot) => `${slot}${k}`)),
    scalars: SCALARS,
    uniforms: {
      ...{ share1: 'f32', share2: 'f32', epsilon: 'f32', maxNorm: 'f32', skipNonFinite: 'i32' },
      ...tensorUniforms(count),
      ...Object.assign({}, ...numbers.map((k) => ({ [`decay${k}`]: 'f32', [`rateFactor${k}`]: 'f32' }))),
    },
    code: `
fn main(index: i32) {
  let isFinite = (bitcast<u32>(scalars.norm) & 0x7f800000u) != 0x7f800000u;
  if (uniforms.skipNonFinite == 1 && !isFinite) { return; }
  var factor = 1.0;
  if (uniforms.maxNorm >= 0.0) {
    factor = uniforms.maxNorm / (scalars.norm + 1e-6); // torch's constant
    if (factor > 1.0) { factor = 1.0; } // a norm of NaN stays one
  }
  let g = group();
  ${updates}
}`,
  };
}
const UPDATES = Array.from({ length: MOST_PARAMETERS }, (_, i) => adamW(i + 1));

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

/** One parameter: what is written, its gradient, and the factors of its group. */
interface Update {
  results: tf.TensorInfo[];
  gradient: tf.TensorInfo;
  decay: number;
  rateFactor: number;
}

type Scalars = Inputs<(typeof SCALARS)[number]>;

/** Returns parameters and moments. */
function update(
  backend: WebGpuBackend,
  updates: readonly Update[],
  numbers: Scalars,
  { beta1, beta2, epsilon, maxNorm, skipNonFinite }: Attributes,
): tf.TensorInfo[] {
  const scalars = packScalars(
    backend,
    SCALARS.map((name) => numbers[name]),
  );
  const shared = {
    // 1 - beta is taken in float64: float32 would lose five digits of 1 - 0.999.
    share1: 1 - Number(beta1),
    share2: 1 - Number(beta2),
    epsilon: Number(epsilon),
    maxNorm: Number.isFinite(maxNorm) ? Number(maxNorm) : -1,
    skipNonFinite: Number(skipNonFinite),
  };
  const groupsOf = (elements: number): number => Math.ceil(elements / THREADS);
  for (const dispatch of dispatches(updates, MOST_PARAMETERS, ({ gradient }) => gradient.shape, groupsOf)) {
    const { items, workgroups } = dispatch;
    const results = items.flatMap((item) => item.results);
    const factors = items.map(({ decay, rateFactor }, k) => ({ [`decay${k}`]: decay, [`rateFactor${k}`]: rateFactor }));
    run(backend, UPDATES[items.length - 1] as Kernel, {
      inputs: items.map(({ gradient }) => gradient),
      results,
      uniforms: Object.assign({}, shared, dispatch.uniforms, ...factors),
      ...{ scalars, workgroups },
    });
    for (const { dataId } of results) backend.tensorMap.get(dataId).values = null; // what was read before is old
  }
  backend.disposeData(scalars.dataId);
  return updates.flatMap(({ results }) => results);
}

export const UPDATE_KERNELS: Readonly<Record<string, WebGpuKernel>> = {
  FusedAdamW: (
    backend: WebGpuBackend,
    inputs: Scalars & Inputs<(typeof SLOTS)[number] | 'gradient'>,
    attributes: Attributes,
  ) => {
    const results = SLOTS.map((slot) => writable(backend, inputs[slot]));
    const { gradient } = inputs;
    const [decay, rateFactor] = [Number(attributes['decay']), Number(attributes['rateFactor'])];
    return update(backend, [{ results, gradient, decay, rateFactor }], inputs, attributes);
  },
  FusedAdamWOfMany: (backend: WebGpuBackend, inputs: Scalars & Inputs<string>, attributes: Attributes) => {
    const { decays, rateFactors } = attributes as { decays: number[]; rateFactors: number[] };
    const updates = decays.map((decay, k) => ({
      results: SLOTS.map((slot) => writable(backend, inputs[`${slot}${k}`] as tf.TensorInfo)),
      gradient: inputs[`gradient${k}`] as tf.TensorInfo,
      decay,
      rateFactor: rateFactors[k] as number,
    }));
    return update(backend, updates, inputs, attributes);
  },
};
