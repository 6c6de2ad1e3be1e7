// Tensors computed from those of a file: scales applied, rows moved, adapters merged, without changing the file.
import { CheckpointError } from '../errors.js';
import { sizeOf } from '../shapes.js';
import { DTYPE_BYTES, type StoredDType, toFloat32 } from '../stored-dtype.js';
import type { StoredTensor, TensorFile } from './tensor-file.js';

/** A tensor that is computed when it is read. */
export interface DerivedTensor {
  dtype: StoredDType;
  shape: number[];
  /** Row-major little-endian bytes in `dtype`. */
  bytes(): Promise<Uint8Array>;
}

/**
 * The file with some tensors computed: `derived` replaces or adds by name, the names in `removed` are left out.
 * Closing it closes `file`.
 */
export function withDerivedTensors(
  file: TensorFile,
  derived: ReadonlyMap<string, DerivedTensor>,
  removed: ReadonlySet<string> = new Set(),
): TensorFile {
  if (derived.size === 0 && removed.size === 0) return file;
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of file.tensors) if (!removed.has(name)) tensors.set(name, tensor);
  for (const [name, { dtype, shape }] of derived) {
    tensors.set(name, { name, dtype, shape, location: `derived:${name}` });
  }
  const readDerived = async (name: string, { dtype, shape, bytes }: DerivedTensor): Promise<Uint8Array> => {
    const found = await bytes();
    const expected = sizeOf(shape) * DTYPE_BYTES[dtype];
    if (found.byteLength === expected) return found;
    throw new CheckpointError(
      `${file.name}: tensor "${name}" [${shape.join(', ')}] ${dtype} takes ${expected} bytes, computed ${found.byteLength}`,
    );
  };
  return {
    ...file,
    tensors,
    readBytes: async (name) => {
      const tensor = derived.get(name);
      return tensor === undefined ? file.readBytes(name) : readDerived(name, tensor);
    },
    floatsInFile: (name) => (derived.has(name) ? null : (file.floatsInFile?.(name) ?? null)),
    readFloat32: async (name, target) => {
      const tensor = derived.get(name);
      if (tensor === undefined) return file.readFloat32(name, target);
      const values = target ?? new Float32Array(sizeOf(tensor.shape));
      toFloat32(tensor.dtype, await readDerived(name, tensor), values);
      return values;
    },
  };
}
