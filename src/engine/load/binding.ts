// One interface for the two native addons: their errors and arrays belong to the caller's realm, even inside jest's sandbox.
import { EngineError, errorMessage } from '../../errors.js';

/** A tensor that TensorFlow holds. */
export interface TensorMetadata {
  id: number;
  dtype: number;
  shape: number[];
}

/** One attribute of a TensorFlow op. */
export interface OpAttribute {
  name: string;
  type: number;
  value: unknown;
}

/** tfjs-node's binding, as its C++ source declares it. */
export interface TfjsBinding {
  readonly TF_Version: string;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_INT64: number;
  readonly TF_BOOL: number;
  readonly TF_STRING: number;
  readonly TF_RESOURCE: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  createTensor(shape: number[], dtype: number, values: ArrayBufferView | readonly unknown[]): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): ArrayBufferView;
  executeOp(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): TensorMetadata[];
  isUsingGpuDevice(): boolean;
  getNumOfTensors(): number;
}

const TYPED_ARRAYS = [
  Float32Array,
  Float64Array,
  Int32Array,
  Uint32Array,
  Uint8Array,
  Int8Array,
  Uint16Array,
  Int16Array,
  BigInt64Array,
  BigUint64Array,
] as const;

/**
 * An addon whose functions throw EngineError and return typed arrays of this realm.
 * A module loader with realms of its own (jest) shares the addon with the outer realm, whose classes fail `instanceof`.
 */
export function inThisRealm<T extends object>(addon: T): T {
  const wrapped: Record<string, unknown> = {};
  for (const key of Object.getOwnPropertyNames(addon)) {
    const value = (addon as Record<string, unknown>)[key];
    wrapped[key] = typeof value === 'function' ? wrapFunction(value as (...args: unknown[]) => unknown, addon) : value;
  }
  return wrapped as T;
}

function wrapFunction(call: (...args: unknown[]) => unknown, addon: object): (...args: unknown[]) => unknown {
  return (...args) => {
    try {
      return adopt(call.apply(addon, args));
    } catch (error) {
      throw asEngineError(error);
    }
  };
}

/** The value with its outermost typed array or promise replaced by one of this realm; memory is shared. */
function adopt(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (ArrayBuffer.isView(value)) {
    const tag = Object.prototype.toString.call(value).slice(8, -1);
    const match = TYPED_ARRAYS.find((type) => type.name === tag);
    if (match === undefined || value instanceof match) return value;
    return Reflect.construct(match, [value.buffer, value.byteOffset, value.byteLength / match.BYTES_PER_ELEMENT]);
  }
  if (Object.prototype.toString.call(value) === '[object Promise]') {
    return Promise.resolve(value).then(adopt, (error: unknown) => {
      throw asEngineError(error);
    });
  }
  if (Array.isArray(value) && !(value instanceof Array)) return Array.from(value, adopt);
  return value;
}

function asEngineError(error: unknown): unknown {
  if (error instanceof Error)
    return error.constructor === Error ? new EngineError(error.message, { cause: error }) : error;
  const message =
    typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : errorMessage(error);
  return new EngineError(message, { cause: error });
}
