// The precision of the matrix products of a function.

/** Inputs of matrix products: `bf16` is bfloat16, `fp16` is float16. Everything else, and every variable, is float32. */
export const PRECISIONS = ['fp32', 'bf16', 'fp16'] as const;
/** Precision of matrix products in training and inference. */
export type Precision = (typeof PRECISIONS)[number];

/** Precisions of prediction: `int8` quantises weights once per output channel, and activations in each run, to 8 bits. */
export const PREDICTION_PRECISIONS = [...PRECISIONS, 'int8'] as const;
/** Precision of matrix products in inference. */
export type PredictionPrecision = (typeof PREDICTION_PRECISIONS)[number];

let current: PredictionPrecision = 'fp32';

/** The precision of the products that are computed now, op by op: for kernels that have others than `fp32`. */
export function currentPrecision(): PredictionPrecision {
  return current;
}

/** Runs `fn`, op by op, with a precision for its products. It has to be synchronous. */
export function withPrecision<T>(precision: PredictionPrecision, fn: () => T): T {
  const before = current;
  current = precision;
  try {
    return fn();
  } finally {
    current = before;
  }
}
