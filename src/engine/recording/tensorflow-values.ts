// dtypes, names and values as recordings and TensorFlow write them.
import { TF_ATTR, TF_DTYPE, type OperationAttribute } from '../load/addon.js';
import type { PredictionPrecision } from '../../precision.js';

/** dtypes of tensors inside a recording. */
export type GraphDType = 'float32' | 'int32' | 'bool';

/** The dtype in a recording, by TensorFlow's dtype of an output. */
export const DTYPE_NAMES = new Map<number, GraphDType>([
  [TF_DTYPE.float32, 'float32'],
  [TF_DTYPE.bfloat16, 'float32'],
  [TF_DTYPE.float16, 'float32'],
  [TF_DTYPE.int32, 'int32'],
  [TF_DTYPE.int64, 'int32'], // followed by a Cast: tfjs has no int64
  [TF_DTYPE.uint8, 'int32'],
  [TF_DTYPE.bool, 'bool'],
]);

/** The dtype of a precision's matrix products; null: float32, except for packed matrices. */
export const LOW_DTYPES: Record<PredictionPrecision, number | null> = {
  fp32: null,
  int8: null,
  bf16: TF_DTYPE.bfloat16,
  fp16: TF_DTYPE.float16,
};

/** A text as part of TensorFlow's node names, which allow few characters. Different texts give different names. */
export function nodeName(text: string): string {
  return text.replace(/[^\w.\-/]/g, (unit) => `>${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A type attribute. */
export function typeAttribute(name: string, value: number): OperationAttribute {
  return { name, type: TF_ATTR.type, value };
}

/** Values as TensorFlow stores them: bool is one byte each. */
export function typedArray(values: ArrayLike<number>, dtype: GraphDType): Float32Array | Int32Array | Uint8Array {
  if (dtype === 'float32') return values instanceof Float32Array ? values : Float32Array.from(values);
  if (dtype === 'int32') return values instanceof Int32Array ? values : Int32Array.from(values);
  return values instanceof Uint8Array ? values : Uint8Array.from(values);
}
