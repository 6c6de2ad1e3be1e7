// Weights as a plain pickle of numpy arrays, as Detectron and detectron2 publish them, read as a TensorFile.
import type { ByteSource } from '../byte-source.js';
import { findStateDict } from './state-dict.js';
import type { StoredTensor, TensorFile } from './tensor-file.js';
import { CheckpointError, DataError, errorMessage } from '../errors.js';
import { decodeArray, holdsObjects } from '../formats/npy.js';
import { PickledArray, readNumpyPickle } from '../formats/pickle/numpy-pickle.js';

/** How a pickle of protocol 2 and later begins, and how torch.save's first pickle does. */
const PICKLE = /^\x80[\x02-\x05]/;
const TORCH = /^\x80[\x02-\x05](\x95[\s\S]{8})?\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19/;
const HEAD_BYTES = 24;

/** Whether a file is a pickle that torch.save did not write. */
export async function isPlainPickle(source: ByteSource): Promise<boolean> {
  const head = String.fromCharCode(...(await source.read(0, Math.min(HEAD_BYTES, source.size))));
  return PICKLE.test(head) && !TORCH.test(head);
}

/**
 * The arrays of a pickle, of Python 2 or 3, as float32. The whole file is read; nothing in it is run.
 * @throws CheckpointError when it holds anything but plain values and arrays, or no dict of arrays.
 */
export async function openPickledTensors(source: ByteSource): Promise<TensorFile> {
  const arrays = await readArrays(source);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { layout }] of arrays) {
    tensors.set(name, { name, dtype: 'F32', shape: [...layout.shape], location: name });
  }
  const readFloat32 = async (name: string, target?: Float32Array): Promise<Float32Array> => {
    const array = arrays.get(name);
    if (array === undefined) throw new CheckpointError(`${source.name}: tensor "${name}" is not in the file`);
    const { data } = refused(() => decodeArray(array.layout, array.values as Uint8Array, `${source.name}: "${name}"`));
    if (target === undefined) return data;
    if (target.length !== data.length) {
      throw new CheckpointError(
        `${source.name}: tensor "${name}" has ${data.length} elements, the target array ${target.length}`,
      );
    }
    target.set(data);
    return target;
  };
  return {
    name: source.name,
    format: 'pickle',
    tensors,
    metadata: {},
    size: source.size,
    readFloat32,
    readBytes: async (name) => new Uint8Array((await readFloat32(name)).buffer),
    close: async () => arrays.clear(),
  };
}

async function readArrays(source: ByteSource): Promise<Map<string, PickledArray>> {
  try {
    const bytes = await source.read(0, source.size);
    const found = findStateDict(
      refused(() => readNumpyPickle(bytes, source.name)),
      source.name,
      (item): item is PickledArray => item instanceof PickledArray && !holdsObjects(item.layout),
    );
    return found.tensors;
  } finally {
    await source.close();
  }
}

/** Turns a DataError of the feature readers into a CheckpointError. */
function refused<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof DataError) throw new CheckpointError(errorMessage(error));
    throw error;
  }
}
