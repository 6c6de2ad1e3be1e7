// numpy arrays: the `.npy` format, any numeric dtype, byte order and axis order, as float32.
import { type StoredDType, toFloat32 } from '../stored-dtype.js';
import { DataError } from '../errors.js';

/** Numbers in C order. */
export interface NumericArray {
  /** Empty for a single number. */
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** How an array is stored. */
export interface ArrayLayout {
  /** numpy's dtype, such as `<f4`. */
  dtype: string;
  fortranOrder: boolean;
  shape: readonly number[];
}

/** The header of a `.npy`. */
export interface NpyHeader extends ArrayLayout {
  /** Byte offset of the values. */
  dataOffset: number;
}

/** A header is at most this long: numpy writes 128 bytes, an array of 32 axes needs less than 1000. */
export const NPY_HEADER_BYTES = 4096;

/**
 * Reads the header from the first bytes (`NPY_HEADER_BYTES` of them, or the whole file).
 * @throws DataError when it is not a `.npy`.
 * @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
export function readNpyHeader(bytes: Uint8Array, name: string): NpyHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic =
    bytes.byteLength >= 12 &&
    view.getUint8(0) === 0x93 &&
    view.getUint32(1) === 0x4e554d50 &&
    view.getUint8(5) === 0x59;
  if (!magic) throw new DataError(`${name}: not a numpy .npy file`);
  const isWide = view.getUint8(6) >= 2;
  const start = isWide ? 12 : 10;
  const dataOffset = start + (isWide ? view.getUint32(8, true) : view.getUint16(8, true));
  if (dataOffset > Math.min(bytes.byteLength, NPY_HEADER_BYTES)) {
    throw new DataError(`${name}: the .npy header is cut short or damaged`);
  }
  const text = new TextDecoder('latin1').decode(bytes.subarray(start, dataOffset));
  const dtype = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape':\s*\(([\d,\s]*)\)/.exec(text)?.[1];
  if (dtype === undefined || order === undefined || shape === undefined) {
    throw new DataError(
      `${name}: expected descr, fortran_order and shape in the .npy header, found ${JSON.stringify(text.slice(0, 100))}`,
    );
  }
  const sizes = shape
    .split(',')
    .map((size) => size.trim())
    .filter((size) => size !== '')
    .map(Number);
  return { dtype, fortranOrder: order === 'True', shape: sizes, dataOffset };
}

/** Whether an array holds Python objects: pickled, not numbers. */
export function holdsObjects({ dtype }: ArrayLayout): boolean {
  return dtype.includes('O');
}

/**
 * Reads a numeric `.npy` into float32. int64 and float64 are rounded to float32.
 * @throws DataError for objects (pickles are never executed), text, complex numbers and files cut short.
 */
export function readNpy(bytes: Uint8Array, name: string): NumericArray {
  const header = readNpyHeader(bytes, name);
  if (holdsObjects(header)) {
    throw new DataError(
      `${name}: holds pickled Python objects, not numbers; save it with numpy.save(array.astype("float32"))`,
    );
  }
  return decodeArray(header, bytes.subarray(header.dataOffset), name);
}

/**
 * The values of an array in float32 and C order.
 * @throws DataError for anything but numbers, and when there are too few bytes for the shape.
 */
export function decodeArray(
  { dtype, fortranOrder, shape }: ArrayLayout,
  bytes: Uint8Array,
  name: string,
): NumericArray {
  const count = shape.reduce((product, size) => product * size, 1);
  const { width, convert } = converterOf(dtype, name);
  if (!(count * width <= bytes.byteLength)) {
    throw new DataError(
      `${name}: expected ${count * width} bytes of values for shape [${shape.join(', ')}], found ${bytes.byteLength}; the file is cut short`,
    );
  }
  const data = new Float32Array(count);
  const values = bytes.subarray(0, count * width);
  convert(dtype.startsWith('>') ? swapped(values, width) : values, data);
  return { shape, data: fortranOrder && shape.length > 1 ? fromFortranOrder(data, shape) : data };
}

type Converter = (bytes: Uint8Array, target: Float32Array) => void;

/** numpy's dtypes without their byte order, as checkpoints call them. */
const STORED: Readonly<Record<string, StoredDType>> = {
  f2: 'F16',
  f4: 'F32',
  f8: 'F64',
  i1: 'I8',
  i2: 'I16',
  i4: 'I32',
  i8: 'I64',
  u1: 'U8',
  b1: 'BOOL',
};

/** dtypes that no checkpoint has, read value by value. */
const UNSIGNED: Readonly<Record<string, (view: DataView, at: number) => number>> = {
  u2: (view, at) => view.getUint16(at, true),
  u4: (view, at) => view.getUint32(at, true),
  u8: (view, at) => Number(view.getBigUint64(at, true)),
};

function converterOf(dtype: string, name: string): { width: number; convert: Converter } {
  const code = dtype.replace(/^[<>|=]/, '');
  const width = Number(code.slice(1));
  const stored = STORED[code];
  if (stored !== undefined) return { width, convert: (bytes, target) => toFloat32(stored, bytes, target) };
  const read = UNSIGNED[code];
  if (read === undefined) throw new DataError(`${name}: expected numbers, found numpy dtype ${dtype}`);
  const convert: Converter = (bytes, target) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < target.length; i++) target[i] = read(view, i * width);
  };
  return { width, convert };
}

/** Big-endian values as little-endian ones. */
function swapped(bytes: Uint8Array, width: number): Uint8Array {
  const result = new Uint8Array(bytes.byteLength);
  for (let at = 0; at < bytes.byteLength; at += width)
    for (let byte = 0; byte < width; byte++) result[at + byte] = bytes[at + width - 1 - byte] as number;
  return result;
}

/** Reorders values whose first axis varies fastest. */
function fromFortranOrder(data: Float32Array, shape: readonly number[]): Float32Array {
  const result = new Float32Array(data.length);
  const index = shape.map(() => 0);
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, size) => product * size, 1));
  for (let i = 0; i < data.length; i++) {
    result[i] = data[index.reduce((at, value, axis) => at + value * (strides[axis] as number), 0)] as number;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (shape[axis] as number)) break;
      index[axis] = 0;
    }
  }
  return result;
}
