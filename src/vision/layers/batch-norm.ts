// Folds a batch norm, at inference a scale and a shift, into the convolution before it.

/** Default epsilon of torch.nn.BatchNorm2d. */
export const BATCH_NORM_EPSILON = 1e-5;

/** Parameters of a batch norm, `[out]` each. */
export interface BatchNorm {
  gamma: Float32Array;
  beta: Float32Array;
  /** Default 0, for files that hold only scale and shift. */
  mean?: Float32Array;
  /** Default 1. */
  variance?: Float32Array;
}

/**
 * `norm(conv(x)) = conv'(x) + (beta - mean * s)` with `s = gamma / sqrt(variance + epsilon)`.
 * @param weight `[out, ...]`, changed in place. @returns the bias of the convolution.
 */
export function foldBatchNorm(weight: Float32Array, norm: BatchNorm, epsilon: number): Float32Array {
  const outputs = norm.gamma.length;
  const each = weight.length / outputs;
  const bias = new Float32Array(outputs);
  for (let i = 0; i < outputs; i++) {
    const scale = (norm.gamma[i] as number) / Math.sqrt((norm.variance?.[i] ?? 1) + epsilon);
    bias[i] = (norm.beta[i] as number) - (norm.mean?.[i] ?? 0) * scale;
    for (let k = i * each; k < (i + 1) * each; k++) weight[k] = (weight[k] as number) * scale;
  }
  return bias;
}
