// Tensors outside any backend: what files, collators, workers and the compiled step exchange.

/** dtypes that tfjs can hold. */
export type RawDType = 'float32' | 'int32' | 'bool';

/** A dense row-major array with its shape. `bool` is stored as one byte each. */
export interface RawTensor {
  dtype: RawDType;
  shape: number[];
  data: Float32Array | Int32Array | Uint8Array;
}
