// Formulas that some backends compute in one kernel, in one pass over memory. Each call has a composed form for other backends.
import * as tf from '@tensorflow/tfjs';

/**
 * Kernels with their inputs, attributes and outputs; all float32. The engine registers them for TensorFlow on the CPU, `webgpu` some of them, and
 * others, for WebGPU, where what counts is the number of kernels.
 *
 * - `FusedGelu` `{ x }` to y; `FusedGeluGrad` `{ dy, x }` to dx: the exact (erf) form.
 * - `FusedDropout` `{ x, key }`, `{ rate, salt }` to y: also its own gradient. Bit for bit the mask of `philoxUniform >= rate`.
 * - `FusedLayerNorm` `{ x, weight, bias }`, `{ epsilon }` to y, over the last axis.
 * - `FusedAddLayerNorm` `{ x, residual, weight, bias }`, `{ epsilon }` to y and `x + residual`.
 * - `FusedDropoutAddLayerNorm` `{ x, residual, weight, bias, key }`, `{ epsilon, rate, salt }` to y and `dropout(x) + residual`; on WebGPU alone.
 * - `FusedLayerNormGrad` `{ dy, x, weight }`, `{ epsilon }` to gradients of x, weight and bias.
 * - `FusedDropoutAddLayerNormGrad` `{ dy, x, weight, key }`, where x is that sum, to gradients of x before dropout, residual, weight and bias.
 * - `FusedSoftmax` `{ scores, bias? }`, `{ scale }` to `softmax(scale * scores + bias)` over the last axis, bias `[b, 1, 1, s]`.
 * - `FusedSoftmaxDropout` `{ scores, bias?, key }`, `{ scale, rate, salt }` to the softmax and `dropout(softmax)`; on WebGPU alone.
 * - `FusedSoftmaxGrad` `{ dy, y }`, `{ scale }` to the gradient of the scores; `FusedSoftmaxDropoutGrad` `{ dy, y, key }` followed by dropout.
 * - `FusedLinear` `{ x, weight, bias }` to `x W^T + b`; on WebGPU alone.
 * - `HeadScores` `{ x, y }` of `[b q, n d]` and `[b s, n d]`, `{ b, n }` to `x y^T` of each head, `[b, n, q, s]`; on WebGPU alone.
 * - `HeadMixture` `{ maps, x }` of `[b, n, q, s]` and `[b s, n d]` to `maps x` of each head, `[b q, n d]`; on WebGPU alone.
 *   `{ isTransposed }`: of `[b q, n d]` to `maps^T x`, `[b s, n d]`.
 * - `CrossEntropy` `{ logits, labels }`, `{ smoothing }` to the loss of src/models/losses.ts, and two tensors that `CrossEntropyGrad` takes with
 *   the inputs and dy, as moments and divisor; `KlDivergence` `{ logits, labels, count }` to the loss and moments: the divisor of
 *   `KlDivergenceGrad` is the count. Labels have the rows of the logits, or one. On WebGPU alone.
 * - `ColumnSums` `{ x }` of a matrix `[m, n]` to `[n]`.
 * - `SumOfSquares` `{ x }` to a scalar; `SumOfAllSquares` of any number of tensors, whatever their names, to one scalar; on WebGPU alone.
 * - `FusedAdamW`, for BertAdam too, `{ parameter, first, second, gradient, norm, rate, firstCorrection, secondCorrection }`,
 *   `{ beta1, beta2, epsilon, decay, rateFactor, maxNorm, skipNonFinite }` to the new parameter and moments.
 * - `RoiPool` `{ pixels, geometry, rows, cells }`, `RoiAlign` with `{ sampling, isAligned }`, to regions `[r, bins, bins, c]` cut out of pixels `[n, c]`:
 *   geometry `[r, 7]` is x1, y1, x2, y2, scale, height and width of the map; rows `[r, 2]` int32 the row of its first pixel and the rows per line;
 *   cells `[bins]` int32 count.
 * - `GroupedConvolution` `{ x, filter }`, `{ stride, dilation, isPadded }` of `[b, h, w, in]` and `[k, k, in / groups, out]`; zero-padded to
 *   keep its size unless x is padded already.
 * - `WinogradConvolution` `{ x, filter, bias }`, `{ dilation, isRelu }`: 3 x 3, zero-padded to keep the size of x; only in recordings.
 * - `AllFinite` `{ x }` to a bool: whether every value is finite.
 * - `SumOverWorkers` `{ x }`, `{ workers, instance, timeoutSeconds, isLow }` to the sum of x over the workers of a cluster, which all must run
 *   the kernel of this instance (an int32) with the same shape of x; `isLow`: x is sent as bfloat16. Only in recordings.
 * - `SumRowsOverWorkers` `{ x, rows }`, with the same attributes: the same for a matrix that is zero outside the rows numbered in rows `[k]` int32,
 *   which may repeat; every worker has the same k. Only rows that some worker names are exchanged.
 * - `After` `{ x, signal }` to x: see `after`.
 */
export type FusedKernel =
  | 'FusedGelu'
  | 'FusedGeluGrad'
  | 'FusedDropout'
  | 'FusedLayerNorm'
  | 'FusedAddLayerNorm'
  | 'FusedDropoutAddLayerNorm'
  | 'FusedLayerNormGrad'
  | 'FusedDropoutAddLayerNormGrad'
  | 'FusedSoftmax'
  | 'FusedSoftmaxDropout'
  | 'FusedSoftmaxGrad'
  | 'FusedSoftmaxDropoutGrad'
  | 'FusedLinear'
  | 'HeadScores'
  | 'HeadMixture'
  | 'CrossEntropy'
  | 'CrossEntropyGrad'
  | 'KlDivergence'
  | 'KlDivergenceGrad'
  | 'ColumnSums'
  | 'SumOfSquares'
  | 'SumOfAllSquares'
  | 'FusedAdamW'
  | 'RoiPool'
  | 'RoiAlign'
  | 'GroupedConvolution'
  | 'WinogradConvolution'
  | 'AllFinite'
  | 'SumOverWorkers'
  | 'SumRowsOverWorkers'
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
 * `x`; in a recorded graph it becomes available after all `signals`: computations from it wait, and are not merged with equal earlier ones.
 * Eager execution already follows the order of the calls.
 */
export function after(x: tf.Tensor, signals: readonly tf.Tensor[]): tf.Tensor {
  return signals.reduce((value, signal) => fused('After', { x: value, signal })?.[0] ?? value, x);
}
