// What torch.save wrote for one image: a dict of tensors and numbers, or the features alone.
import type { ByteSource } from '../byte-source.js';
import { readTorchObject } from '../checkpoint/open.js';
import { torchTensorFile } from '../checkpoint/pytorch.js';
import { TorchTensor } from '../checkpoint/torch-objects.js';
import type { RegionRecord } from './named-arrays.js';

/** The name of a tensor that stands alone. */
const ALONE = 'features';

/** The record in a torch.save file or value; null for bytes of something else. @throws CheckpointError when it is damaged. */
export async function readTorchRecord(source: ByteSource): Promise<RegionRecord | null> {
  const object = await readTorchObject(source);
  if (object === null) return null;
  const entries = object.value instanceof Map ? object.value : new Map([[ALONE, object.value]]);
  const tensors = new Map<string, TorchTensor>();
  const numbers = new Map<string, number>();
  for (const [name, value] of entries) {
    if (value instanceof TorchTensor) tensors.set(String(name), value);
    else if (typeof value === 'number') numbers.set(String(name), value);
  }
  const file = torchTensorFile(source, object, tensors);
  return {
    names: [...tensors.keys(), ...numbers.keys()],
    get: async (name) => {
      const shape = file.tensors.get(name)?.shape;
      return shape === undefined
        ? { shape: [], data: Float32Array.of(numbers.get(name) ?? NaN) }
        : { shape, data: await file.readFloat32(name) };
    },
  };
}
