// In which precision the matrix products of a recorded function are computed.

/** Inputs of matrix products: `bf16` is bfloat16, `fp16` is float16. Everything else, and every variable, is float32. */
export const PRECISIONS = ['fp32', 'bf16', 'fp16'] as const;
export type Precision = (typeof PRECISIONS)[number];
