// The dtypes of numbers in files, and their conversion to and from float32. Bytes are little endian, as on every machine Node runs on.

/** dtypes as safetensors writes them. */
export type StoredDType = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL';

/** Bytes per element. */
export const DTYPE_BYTES: Readonly<Record<StoredDType, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** True for the dtypes that weights come in. */
export function isFloating(dtype: StoredDType): boolean {
  return dtype === 'F32' || dtype === 'F16' || dtype === 'BF16' || dtype === 'F64';
}

/** True when a string names a dtype that this package reads. */
export function isStoredDType(text: unknown): text is StoredDType {
  return typeof text === 'string' && Object.hasOwn(DTYPE_BYTES, text);
}

/** The value of every float16 bit pattern; 256 KB, made on first use. */
let halfValues: Float32Array | undefined;

function requireHalfValues(): Float32Array {
  if (halfValues !== undefined) return halfValues;
  halfValues = new Float32Array(1 << 16);
  for (let bits = 0; bits < 1 << 16; bits++) {
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    const size =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent === 31
          ? fraction === 0
            ? Infinity
            : NaN
          : (1 + fraction / 1024) * 2 ** (exponent - 15);
    halfValues[bits] = bits & 0x8000 ? -size : size;
  }
  return halfValues;
}

/** An array of `Kind` over bytes; copies them when they do not start at a multiple of its element size. */
function aligned<T>(
  bytes: Uint8Array,
  elementBytes: number,
  view: (buffer: ArrayBufferLike, offset: number, length: number) => T,
): T {
  const at = bytes.byteOffset % elementBytes === 0 ? bytes : new Uint8Array(bytes); // a copy: the slice of a Buffer is a view
  return view(at.buffer, at.byteOffset, Math.floor(at.byteLength / elementBytes));
}

/** Converts stored bytes to float32 values: widening is exact, F64 and I64 round to nearest. `target` has as many elements as `bytes`. */
export function toFloat32(dtype: StoredDType, bytes: Uint8Array, target: Float32Array): void {
  switch (dtype) {
    case 'F32':
      new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(bytes);
      return;
    case 'F64':
      return target.set(aligned(bytes, 8, (b, o, n) => new Float64Array(b, o, n)));
    case 'F16': {
      const values = requireHalfValues();
      const source = aligned(bytes, 2, (b, o, n) => new Uint16Array(b, o, n));
      for (let i = 0; i < source.length; i++) target[i] = values[source[i] as number] as number;
      return;
    }
    case 'BF16': {
      const source = aligned(bytes, 2, (b, o, n) => new Uint16Array(b, o, n));
      const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
      for (let i = 0; i < source.length; i++) bits[i] = (source[i] as number) << 16;
      return;
    }
    case 'I64': {
      const source = aligned(bytes, 8, (b, o, n) => new BigInt64Array(b, o, n));
      for (let i = 0; i < source.length; i++) target[i] = Number(source[i]);
      return;
    }
    case 'I32':
      return target.set(aligned(bytes, 4, (b, o, n) => new Int32Array(b, o, n)));
    case 'I16':
      return target.set(aligned(bytes, 2, (b, o, n) => new Int16Array(b, o, n)));
    case 'I8':
      return target.set(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    case 'U8':
    case 'BOOL':
      return target.set(bytes);
  }
}

/** float32 values as bytes of a floating dtype, rounded to nearest even as PyTorch's `.to(dtype)` rounds. F32 shares memory with `values`. */
export function fromFloat32(dtype: 'F64' | 'F32' | 'F16' | 'BF16', values: Float32Array): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (dtype === 'F64') return new Uint8Array(new Float64Array(values).buffer);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const result = new Uint16Array(values.length);
  const convert = dtype === 'F16' ? halfOf : bfloatOf;
  for (let i = 0; i < bits.length; i++) result[i] = convert(bits[i] as number);
  return new Uint8Array(result.buffer);
}

function bfloatOf(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40; // NaN stays NaN
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 2^16 and above
  const exponent = (magnitude >>> 23) - 112;
  if (exponent < -10) return sign; // below half of the smallest subnormal
  const fraction = exponent > 0 ? magnitude & 0x7fffff : (magnitude & 0x7fffff) | 0x800000;
  const shift = exponent > 0 ? 13 : 14 - exponent;
  const kept = (exponent > 0 ? exponent << 10 : 0) + (fraction >>> shift);
  const rest = fraction & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  return sign | (kept + (rest > tie || (rest === tie && (kept & 1) === 1) ? 1 : 0));
}
