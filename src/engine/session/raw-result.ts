// TensorFlow's results as arrays of our own realm.
import type { RawTensor } from '../../raw-tensor.js';
import type { NativeResult } from '../load/addon.js';
import type { GraphDType } from '../recording/tensorflow-values.js';

/** The result over the same memory. */
export function rawTensor({ shape, buffer }: NativeResult, dtype: GraphDType): RawTensor {
  const data =
    dtype === 'float32'
      ? new Float32Array(buffer)
      : dtype === 'int32'
        ? new Int32Array(buffer)
        : new Uint8Array(buffer);
  return { dtype, shape: [...shape], data };
}
