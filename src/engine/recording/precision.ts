// In which precision the matrix products of a recorded function are computed.

/** Inputs of matrix products: `bf16` is bfloat16, `fp16` is float16. Everything else, and every variable, is float32. */
export const PRECISIONS = ['fp32', 'bf16', 'fp16'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** Those of prediction: `int8` rounds the weights of each output to 8 bits, and what is multiplied by them in each run. */
export const PREDICTION_PRECISIONS = [...PRECISIONS, 'int8'] as const;
export type PredictionPrecision = (typeof PREDICTION_PRECISIONS)[number];
