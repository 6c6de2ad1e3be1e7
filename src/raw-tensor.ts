// Tensors as arrays, outside any backend: exchanged between files, collators, workers and the compiled step.
import type * as tf from '@tensorflow/tfjs';
import { sizeOf } from './shapes.js';

/** dtypes that tfjs can hold. */
export type RawDType = 'float32' | 'int32' | 'bool';

/** A dense row-major array with its shape. `bool` is stored as one byte each. */
export interface RawTensor {
  dtype: RawDType;
  shape: number[];
  data: Float32Array | Int32Array | Uint8Array;
}

/** Reads one of several tensors, by name. */
export type ReadTensor = (name: string) => Promise<RawTensor>;

/** Arrays by name. */
export type RawTensors = Record<string, RawTensor>;

/** Tensors of a backend by name. */
export type Tensors = Record<string, tf.Tensor>;

/** float32 values of a file of this machine, row-major and little-endian. */
export interface FloatsInFile {
  /** Of the open file. */
  descriptor: number;
  /** Byte offset of the first. */
  offset: number;
  /** Called by whoever reads them. */
  onRead(areFinite: boolean): void;
}

/** The array that holds the values of each dtype. */
export const RAW_ARRAYS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

const ARRAY_NAMES: Record<RawDType, string> = { float32: 'Float32Array', int32: 'Int32Array', bool: 'Uint8Array' };

/** Why a value is not a RawTensor, as "expected ..., received ..."; null when it is one. Accepts arrays of any realm. */
export function rawTensorProblem(value: unknown): string | null {
  const { dtype, shape, data } = (value ?? {}) as Partial<Record<keyof RawTensor, unknown>>;
  if (typeof dtype !== 'string' || !Array.isArray(shape) || typeof data !== 'object' || data === null) {
    return `expected { dtype, shape, data }, received ${kindOf(value)}`;
  }
  if (!Object.hasOwn(ARRAY_NAMES, dtype)) {
    return `expected dtype ${Object.keys(ARRAY_NAMES).join(', ')}, received ${dtype}`;
  }
  const wanted = ARRAY_NAMES[dtype as RawDType];
  if (kindOf(data) !== wanted) return `expected ${dtype} in a ${wanted}, received ${kindOf(data)}`;
  const { length } = data as RawTensor['data'];
  return length === sizeOf(shape as number[]) ? null : `it has shape [${shape.join(', ')}] but ${length} values`;
}

function kindOf(value: unknown): string {
  const name = Object.prototype.toString.call(value).slice('[object '.length, -1);
  return name === 'Object' ? ((value as object).constructor?.name ?? name) : name;
}
