// Layer normalisation over the last axis, with the gradient written out.
import { tf } from '#tf';
import { fused, hasKernel } from '../fused.js';
import { type CallContext, droppingKey, dropout, type DropoutSite } from './dropout.js';
import { withGradient } from './with-gradient.js';

export interface NormWeights {
  /** `[h]` float32. */
  weight: tf.Tensor;
  /** `[h]` float32. */
  bias: tf.Tensor;
}

/** `(x - mean) / sqrt(variance + epsilon)` over the last axis (biased variance), and the reciprocal of that root `[..., 1]`. */
function normalized(x: tf.Tensor, epsilon: number): { unit: tf.Tensor; inverse: tf.Tensor } {
  const centered = tf.sub(x, tf.mean(x, -1, true));
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centered), -1, true), epsilon));
  return { unit: tf.mul(centered, inverse), inverse };
}

function backward(dy: tf.Tensor, x: tf.Tensor, weight: tf.Tensor, epsilon: number): tf.Tensor[] {
  const gradients = fused('FusedLayerNormGrad', { dy, x, weight }, { epsilon });
  if (gradients !== null) return gradients;
  const { unit, inverse } = normalized(x, epsilon);
  const rows = dy.shape.map((_, axis) => axis).slice(0, -1);
  const dyUnit = tf.mul(dy, unit);
  const dUnit = tf.mul(dy, weight);
  const slope = tf.mean(tf.mul(dyUnit, weight), -1, true);
  const dx = tf.mul(tf.sub(tf.sub(dUnit, tf.mean(dUnit, -1, true)), tf.mul(unit, slope)), inverse);
  return [dx, tf.sum(dyUnit, rows), tf.sum(dy, rows)];
}

function affine(x: tf.Tensor, { weight, bias }: NormWeights, epsilon: number): tf.Tensor {
  return tf.add(tf.mul(normalized(x, epsilon).unit, weight), bias);
}

/** `y = w (x - mean) / sqrt(variance + epsilon) + b` over the last axis of `x [..., h] float32`. Keeps only `x` and `w`. */
export function layerNorm(x: tf.Tensor, { weight, bias }: NormWeights, epsilon: number): tf.Tensor {
  return withGradient(
    [x, weight, bias],
    () => {
      const value =
        fused('FusedLayerNorm', { x, weight, bias }, { epsilon })?.[0] ?? affine(x, { weight, bias }, epsilon);
      return { value, saved: [x, weight] };
    },
    (dy, [input, scale]) => backward(dy, input as tf.Tensor, scale as tf.Tensor, epsilon),
  );
}

/** `layerNorm(x + residual)`: how every sublayer of BERT ends. Keeps only the sum and `w`. */
export function addLayerNorm(
  x: tf.Tensor,
  residual: tf.Tensor,
  { weight, bias }: NormWeights,
  epsilon: number,
): tf.Tensor {
  return withGradient(
    [x, residual, weight, bias],
    () => {
      const [value, sum] = fused('FusedAddLayerNorm', { x, residual, weight, bias }, { epsilon }) ?? [];
      if (value !== undefined && sum !== undefined) return { value, saved: [sum, weight] };
      const total = tf.add(x, residual);
      return { value: affine(total, { weight, bias }, epsilon), saved: [total, weight] };
    },
    (dy, [total, scale]) => {
      const [dTotal, dWeight, dBias] = backward(dy, total as tf.Tensor, scale as tf.Tensor, epsilon) as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ];
      return [dTotal, tf.clone(dTotal), dWeight, dBias]; // a copy: tfjs disposes gradients that it adds up
    },
  );
}

/** `layerNorm(dropout(x) + residual)`. */
export function dropoutAddLayerNorm(
  x: tf.Tensor,
  residual: tf.Tensor,
  { weight, bias }: NormWeights,
  epsilon: number,
  { site, context }: { site: DropoutSite; context: CallContext },
): tf.Tensor {
  const { rate, salt } = site;
  const dropoutKey = droppingKey(x.shape, site, context);
  if (dropoutKey === null || !hasKernel('FusedDropoutAddLayerNorm')) {
    return addLayerNorm(dropout(x, site, context), residual, { weight, bias }, epsilon);
  }
  const attributes = { epsilon, rate, salt };
  return withGradient(
    [x, residual, weight, bias],
    () => {
      const inputs = { x, residual, weight, bias, key: dropoutKey };
      const [value, total] = fused('FusedDropoutAddLayerNorm', inputs, attributes) as [tf.Tensor, tf.Tensor];
      return { value, saved: [total, weight, dropoutKey] };
    },
    (dy, saved) => {
      const [total, scale, key] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
      return fused('FusedDropoutAddLayerNormGrad', { dy, x: total, weight: scale, key }, attributes) as tf.Tensor[];
    },
  );
}
