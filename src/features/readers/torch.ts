// A torch.save file of one image: a dict of tensors, numbers and lists of them, or only the features.
import type { ByteSource } from '../../byte-source.js';
import { readTorchObject } from '../../checkpoint/open.js';
import type { PickleValue } from '../../formats/pickle/pickle-values.js';
import { torchTensorFile } from '../../checkpoint/pytorch.js';
import { TorchTensor } from '../../checkpoint/torch-objects.js';
import type { NumericArray } from '../../formats/npy.js';
import { numbersOf } from '../../formats/pickle/numpy-pickle.js';
import { type NamedArrays, withInfo } from '../named-arrays.js';
import { stackedNumbers } from '../nested-lists.js';

/** The name of a file's only value. */
const ALONE = 'features';

/** The arrays in a torch.save file or value; null for other bytes. @throws CheckpointError when it is damaged. */
export async function readTorchArrays(source: ByteSource): Promise<NamedArrays | null> {
  const object = await readTorchObject(source);
  if (object === null) return null;
  const entries = object.value instanceof Map ? withInfo(object.value) : new Map([[ALONE, object.value]]);
  const get = (name: string): Promise<NumericArray | null> => {
    const leaf = async (value: PickleValue | undefined): Promise<NumericArray | null> => {
      if (!(value instanceof TorchTensor)) return numbersOf(value, `${source.name}, ${name}`);
      const file = torchTensorFile(source, object, new Map([[name, value]]));
      return { shape: value.shape, data: await file.readFloat32(name) };
    };
    return stackedNumbers(entries.get(name), leaf, `${source.name}, ${name}`);
  };
  return { names: [...entries.keys()], get };
}
