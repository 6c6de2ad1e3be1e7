// A checkpoint file as named tensors that are read one by one, whatever its format: each tensor is a strided view of bytes in the file.
import type { ByteSource } from '../byte-source.js';
import { CheckpointError, errorMessage } from '../errors.js';
import type { FloatsInFile } from '../raw-tensor.js';
import { sizeOf } from '../shapes.js';
import { DTYPE_BYTES, type StoredDType, toFloat32 } from '../stored-dtype.js';

/** The name of a file format. */
export type TensorFileFormat = 'safetensors' | 'pytorch' | 'pytorch-legacy' | 'tfjs' | 'sharded' | 'pickle';

/** One tensor as the file declares it. */
export interface StoredTensor {
  name: string;
  dtype: StoredDType;
  shape: number[];
  /** The location of its data: equal for tensors that share all their bytes (tied weights). */
  location: string;
}

/** Named tensors of one checkpoint. A tensor is read only on request. */
export interface TensorFile {
  /** The path or address, for errors. */
  readonly name: string;
  readonly format: TensorFileFormat;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Strings that the file stores besides its tensors. */
  readonly metadata: Record<string, string>;
  /** Keys of the state dict that hold no tensor -> what they hold, such as `text` or `None`. */
  readonly nonTensors?: ReadonlyMap<string, string>;
  /** Size in bytes of all its files. */
  readonly size: number;
  /** Row-major float32 values, whatever the stored dtype. Fills `target` when given, without a copy of the bytes where it can. @throws CheckpointError */
  readFloat32(name: string, target?: Float32Array): Promise<Float32Array>;
  /** Where a file of this machine holds exactly the values of `readFloat32`; null for tensors that have to be converted or computed. */
  floatsInFile?(name: string): Pick<FloatsInFile, 'descriptor' | 'offset'> | null;
  /** Row-major little-endian bytes in the stored dtype. @throws CheckpointError */
  readBytes(name: string): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** A tensor of an inspected file and what it means. */
export interface InspectedTensor {
  key: string;
  dtype: StoredDType;
  shape: number[];
  bytes: number;
  /** The parameter it fills, or why it fills none. */
  meaning: string;
}

/** What a file holds, from its header. */
export interface InspectedFile {
  source: string;
  format: TensorFileFormat;
  tensors: InspectedTensor[];
  parameters: number;
  tensorBytes: number;
  fileBytes: number;
  /** What the file says besides its tensors. */
  metadata: Record<string, string>;
}

/** Lists the tensors of a file. @param meaningOf what a key means */
export function inspectFile(file: TensorFile, meaningOf: (key: string) => string): InspectedFile {
  const tensors = [...file.tensors.values()].map(({ name: key, dtype, shape }): InspectedTensor => {
    return { key, dtype, shape, bytes: sizeOf(shape) * DTYPE_BYTES[dtype], meaning: meaningOf(key) };
  });
  return {
    source: file.name,
    format: file.format,
    tensors,
    parameters: tensors.reduce((total, { shape }) => total + sizeOf(shape), 0),
    tensorBytes: tensors.reduce((total, { bytes }) => total + bytes, 0),
    fileBytes: file.size,
    metadata: file.metadata,
  };
}

/** A tensor as a strided view of bytes in a source. */
export interface LocatedTensor {
  dtype: StoredDType;
  shape: number[];
  /** In elements; null for row-major. */
  strides: number[] | null;
  /** Byte offset of the first element. */
  offset: number;
  /** Byte offset after the last byte that the tensor may touch. */
  limit: number;
}

/** Bytes converted at a time, so that a conversion needs little memory besides its result. */
const PIECE_BYTES = 4 << 20;

/** A view may repeat its elements (stride 0), but not to more than this size or its file's. */
const EXPANSION_LIMIT = 64 << 20;

/** A TensorFile over located tensors. @throws CheckpointError when a tensor reaches outside its bytes. */
export function locatedTensorFile(
  source: ByteSource,
  format: TensorFileFormat,
  located: ReadonlyMap<string, LocatedTensor>,
  metadata: Record<string, string> = {},
): TensorFile {
  const fail = (name: string, text: string): never => {
    throw new CheckpointError(`${source.name}: tensor "${name}" ${text}`);
  };
  const tensors = new Map<string, StoredTensor>();
  const views = new Map<string, LocatedTensor>();
  for (const [name, tensor] of located) {
    const strides = tensor.strides === null || isRowMajor(tensor.shape, tensor.strides) ? null : tensor.strides;
    const elements = sizeOf(tensor.shape);
    const bytes = elements * DTYPE_BYTES[tensor.dtype];
    const end = tensor.offset + spanOf(tensor.shape, strides) * DTYPE_BYTES[tensor.dtype];
    if (!(end <= tensor.limit && tensor.limit <= source.size)) {
      fail(
        name,
        `[${tensor.shape.join(', ')}] ${tensor.dtype} reaches byte ${end}, its data ends at ${Math.min(tensor.limit, source.size)}; the file is cut off or damaged`,
      );
    }
    if (bytes > Math.max(source.size, EXPANSION_LIMIT)) {
      fail(
        name,
        `[${tensor.shape.join(', ')}] repeats a few stored values ${bytes} bytes long; save it with .contiguous()`,
      );
    }
    const location = `${tensor.offset}:${tensor.dtype}:${tensor.shape.join(',')}:${strides?.join(',') ?? ''}`;
    tensors.set(name, { name, dtype: tensor.dtype, shape: [...tensor.shape], location });
    views.set(name, { ...tensor, strides });
  }

  const require = (name: string): LocatedTensor => views.get(name) ?? fail(name, 'is not in the file');
  const fill = async (name: string, target: Uint8Array, offset: number): Promise<void> => {
    try {
      await source.readInto(target, offset);
    } catch (error) {
      fail(name, `could not be read at byte ${offset}: ${errorMessage(error)}`);
    }
  };

  const readBytes = async (name: string): Promise<Uint8Array> => {
    const tensor = require(name);
    const bytes = new Uint8Array(spanOf(tensor.shape, tensor.strides) * DTYPE_BYTES[tensor.dtype]);
    await fill(name, bytes, tensor.offset);
    return tensor.strides === null ? bytes : gather(bytes, tensor.shape, tensor.strides, DTYPE_BYTES[tensor.dtype]);
  };

  const readFloat32 = async (name: string, target?: Float32Array): Promise<Float32Array> => {
    const tensor = require(name);
    const elements = sizeOf(tensor.shape);
    if (target !== undefined && target.length !== elements) {
      fail(name, `has ${elements} elements, the target array ${target.length}`);
    }
    const values = target ?? new Float32Array(elements);
    if (tensor.strides !== null) {
      toFloat32(tensor.dtype, await readBytes(name), values);
    } else if (tensor.dtype === 'F32') {
      await fill(name, new Uint8Array(values.buffer, values.byteOffset, values.byteLength), tensor.offset);
    } else {
      const width = DTYPE_BYTES[tensor.dtype];
      const piece = new Uint8Array(Math.min(PIECE_BYTES, elements * width));
      for (let done = 0; done < elements;) {
        const count = Math.min(piece.byteLength / width, elements - done);
        const part = piece.subarray(0, count * width);
        await fill(name, part, tensor.offset + done * width);
        toFloat32(tensor.dtype, part, values.subarray(done, done + count));
        done += count;
      }
    }
    return values;
  };
  return {
    name: source.name,
    format,
    tensors,
    metadata,
    size: source.size,
    readFloat32,
    floatsInFile: (name) => {
      const { dtype, strides, offset } = require(name);
      const { descriptor } = source;
      return descriptor === undefined || dtype !== 'F32' || strides !== null ? null : { descriptor, offset };
    },
    readBytes,
    close: () => source.close(),
  };
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] as number;
    if (size !== 1 && strides[axis] !== expected) return sizeOf(shape) === 0;
    expected *= size;
  }
  return true;
}

/** Elements from the first to after the last that a view touches. */
function spanOf(shape: readonly number[], strides: readonly number[] | null): number {
  const elements = sizeOf(shape);
  if (strides === null || elements === 0) return elements;
  return shape.reduce((last, size, axis) => last + (size - 1) * (strides[axis] as number), 1);
}

/** Row-major copy of a strided view. */
function gather(bytes: Uint8Array, shape: readonly number[], strides: readonly number[], width: number): Uint8Array {
  const elements = sizeOf(shape);
  const result = new Uint8Array(elements * width);
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < elements; to++) {
    for (let byte = 0; byte < width; byte++) result[to * width + byte] = bytes[from * width + byte] as number;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1;
      from += strides[axis] as number;
      if ((index[axis] as number) < (shape[axis] as number)) break;
      from -= (shape[axis] as number) * (strides[axis] as number);
      index[axis] = 0;
    }
  }
  return result;
}
