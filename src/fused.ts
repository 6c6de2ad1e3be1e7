// Whole formulas that a backend may compute in one kernel, in one pass over memory. The composed form always stands beside the call.
import * as tf from '@tensorflow/tfjs';

/**
 * Kernels with their inputs, attributes and outputs; all float32. The engine registers them for TensorFlow on the CPU.
 *
 * - `FusedGelu` `{ x }` to y; `FusedGeluGrad` `{ dy, x }` to dx: the exact (erf) form.
 * - `FusedDropout` `{ x, key }`, `{ rate, salt }` to y: also its own gradient. Bit for bit the mask of `philoxUniform >= rate`.
 * - `FusedLayerNorm` `{ x, weight, bias }`, `{ epsilon }` to y, over the last axis.
 * - `FusedAddLayerNorm` `{ x, residual, weight, bias }`, `{ epsilon }` to y and `x + residual`.
 * - `FusedLayerNormGrad` `{ dy, x, weight }`, `{ epsilon }` to gradients of x, weight and bias.
 * - `FusedSoftmax` `{ scores, bias? }`, `{ scale }` to `softmax(scale * scores + bias)` over the last axis, bias `[b, 1, 1, s]`.
 * - `FusedSoftmaxGrad` `{ dy, y }`, `{ scale }` to the gradient of the scores.
 * - `ColumnSums` `{ x }` of a matrix `[m, n]` to `[n]`.
 * - `SumOfSquares` `{ x }` to a scalar.
 * - `FusedAdamW`, for BertAdam too, `{ parameter, first, second, gradient, norm, rate, firstCorrection, secondCorrection }`,
 *   `{ beta1, beta2, epsilon, decay, rateFactor, maxNorm, skipNonFinite }` to the new parameter and moments.
 * - `RoiPool` `{ pixels, places, rows, cells }`, `RoiAlign` with `{ sampling, isAligned }`, to regions `[r, bins, bins, c]` cut out of pixels `[n, c]`:
 *   places `[r, 7]` are x1, y1, x2, y2, scale, height and width of the map; rows `[r, 2]` int32 the row of its first pixel, and from line to line;
 *   cells `[bins]` int32 count.
 * - `GroupedConvolution` `{ x, filter }`, `{ stride, dilation, isPadded }` of `[b, h, w, in]` and `[k, k, in / groups, out]`; unless x is padded,
 *   with as many zeros around it as keep its size.
 * - `WinogradConvolution` `{ x, filter, bias }`, `{ dilation, isRelu }`: of 3 x 3 with as many zeros around x as keep its size; in recordings alone.
 * - `AllFinite` `{ x }` to a bool: whether no value is infinite or NaN.
 * - `SumOverWorkers` `{ x }`, `{ workers, instance, timeoutSeconds, isLow }` to the sum of x over the workers of a cluster, which all have to run
 *   the kernel of this instance (an int32) with one shape of x; `isLow`: it travels as bfloat16. In recordings alone.
 * - `After` `{ x, signal }` to x: see `after`.
 */
export type FusedKernel =
  | 'FusedGelu'
  | 'FusedGeluGrad'
  | 'FusedDropout'
  | 'FusedLayerNorm'
  | 'FusedAddLayerNorm'
  | 'FusedLayerNormGrad'
  | 'FusedSoftmax'
  | 'FusedSoftmaxGrad'
  | 'ColumnSums'
  | 'SumOfSquares'
  | 'FusedAdamW'
  | 'RoiPool'
  | 'RoiAlign'
  | 'GroupedConvolution'
  | 'WinogradConvolution'
  | 'AllFinite'
  | 'SumOverWorkers'
  | 'After';

/** Whether the current backend has a kernel. */
export function hasKernel(kernel: FusedKernel): boolean {
  return tf.getKernel(kernel, tf.getBackend()) !== undefined;
}

/** The kernel's outputs, or null when the current backend lacks it. Not differentiable by itself. */
export function fused(
  kernel: FusedKernel,
  inputs: Record<string, tf.Tensor>,
  attributes: Record<string, number | boolean> = {},
): tf.Tensor[] | null {
  if (!hasKernel(kernel)) return null;
  const outputs: tf.Tensor | tf.Tensor[] = tf.engine().runKernel(kernel, inputs, attributes);
  return Array.isArray(outputs) ? outputs : [outputs];
}

/**
 * `x`, in a recorded graph once all `signals` are there: what is computed from it waits, and is not merged with equal operations before.
 * Op by op the order is that of the calls anyway.
 */
export function after(x: tf.Tensor, signals: readonly tf.Tensor[]): tf.Tensor {
  return signals.reduce((value, signal) => fused('After', { x: value, signal })?.[0] ?? value, x);
}
