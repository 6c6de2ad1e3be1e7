// TensorFlow's results as arrays of our own realm.
import { RAW_ARRAYS, type RawTensor } from '../../raw-tensor.js';
import type { NativeResult } from '../load/addon.js';
import type { GraphDType } from '../recording/tensorflow-values.js';

/** The result over the same memory. */
export function rawTensor({ shape, buffer }: NativeResult, dtype: GraphDType): RawTensor {
  return { dtype, shape: [...shape], data: new RAW_ARRAYS[dtype](buffer) };
}
