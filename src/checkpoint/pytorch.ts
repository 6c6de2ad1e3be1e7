// Reading torch.save archives (PyTorch 1.6 and later): a zip of one pickle and one stored entry per storage.
import type { ByteSource } from '../byte-source.js';
import { CheckpointError } from '../errors.js';
import { DTYPE_BYTES } from '../stored-dtype.js';
import { readPickle } from '../formats/pickle/pickle.js';
import type { PickleValue } from '../formats/pickle/pickle-values.js';
import { findStateDict } from './state-dict.js';
import { type LocatedTensor, locatedTensorFile, type TensorFile, type TensorFileFormat } from './tensor-file.js';
import { TORCH_RULES, type TorchStorage, TorchTensor } from './torch-objects.js';
import { readZipDirectory, type ZipEntry } from '../formats/zip/zip-reader.js';

/** BERT's pickle has 50 KB, one of a thousand layers a few MB. */
const MAX_PICKLE_BYTES = 64 << 20;

/** What torch.save wrote: its value, whose tensors lie in the file. */
export interface TorchObject {
  readonly format: TensorFileFormat;
  readonly value: PickleValue;
  /** Where the bytes of a storage lie; undefined when the file lacks them. */
  locate(storage: TorchStorage): { offset: number; limit: number } | undefined;
}

/**
 * Reads the directory and the pickle of a torch.save archive, leaves the storages where they are. Nothing in it is executed.
 * @throws CheckpointError for archives that are damaged, hostile, of TorchScript or big-endian.
 * @see https://pytorch.org/docs/stable/notes/serialization.html
 */
export async function readTorchArchive(source: ByteSource): Promise<TorchObject> {
  const entries = await readZipDirectory(source);
  const pickles = [...entries.keys()].filter((name) => /(^|\/)data\.pkl$/.test(name));
  const [pickleName] = pickles;
  if (pickleName === undefined || pickles.length > 1) {
    throw new CheckpointError(
      `${source.name}: a zip archive without torch.save's data.pkl; expected a PyTorch checkpoint`,
    );
  }
  const root = pickleName.slice(0, -'data.pkl'.length);
  if (entries.has(`${root}constants.pkl`)) {
    throw new CheckpointError(
      `${source.name}: a TorchScript archive, which holds a program; save the model's state_dict() with torch.save`,
    );
  }
  await requireLittleEndian(source, entries.get(`${root}byteorder`));

  const pickle = entries.get(pickleName) as ZipEntry;
  if (pickle.size > MAX_PICKLE_BYTES)
    throw new CheckpointError(
      `${source.name}: its pickle of ${pickle.size} bytes is larger than that of any checkpoint`,
    );
  const bytes = await source.read(pickle.offset, pickle.size);
  const { value } = readPickle(bytes, TORCH_RULES, source.name, pickle.offset);
  const locate: TorchObject['locate'] = (storage) => {
    const entry = entries.get(`${root}data/${storage.key}`);
    return entry && { offset: entry.offset, limit: entry.offset + entry.size };
  };
  return { format: 'pytorch', value, locate };
}

async function requireLittleEndian(source: ByteSource, entry: ZipEntry | undefined): Promise<void> {
  if (entry === undefined || entry.size > 16) return;
  const order = new TextDecoder().decode(await source.read(entry.offset, entry.size));
  if (order !== 'little')
    throw new CheckpointError(
      `${source.name}: its numbers are ${order}-endian; save it again on a little-endian machine`,
    );
}

/** The state dict in a torch.save file. @throws CheckpointError when there is none, or its storages are cut off. */
export function stateDictFile(source: ByteSource, object: TorchObject): TensorFile {
  const { path, tensors, nonTensors, ignored } = findStateDict(
    object.value,
    source.name,
    (item): item is TorchTensor => item instanceof TorchTensor,
  );
  const file = torchTensorFile(source, object, tensors, {
    ...(path === '' ? {} : { path }),
    ...(ignored.length === 0 ? {} : { ignored: ignored.slice(0, 100).join(', ') }),
  });
  return { ...file, nonTensors };
}

/** Named tensors of a torch.save file. @throws CheckpointError when a storage is absent, cut off or of a type that is not read. */
export function torchTensorFile(
  source: ByteSource,
  { format, locate }: TorchObject,
  tensors: ReadonlyMap<string, TorchTensor>,
  metadata: Record<string, string> = {},
): TensorFile {
  const located = new Map<string, LocatedTensor>();
  for (const [name, tensor] of tensors) {
    const { storage, dtype } = tensor;
    const range = locate(storage);
    if (dtype === null || storage.dtype === null) {
      throw new CheckpointError(
        `${source.name}: tensor "${name}" has a ${storage.typeName}; expected floats or integers`,
      );
    }
    if (range === undefined)
      throw new CheckpointError(
        `${source.name}: tensor "${name}" lies in storage ${storage.key}, which the file lacks`,
      );
    const bytes = storage.elements * DTYPE_BYTES[storage.dtype];
    if (!(range.offset + bytes <= range.limit)) {
      throw new CheckpointError(
        `${source.name}: storage ${storage.key} of tensor "${name}" takes ${bytes} bytes, the file holds ${range.limit - range.offset} of them; it is cut off or damaged`,
      );
    }
    const offset = range.offset + (storage.viewOffset + tensor.offset) * DTYPE_BYTES[dtype];
    located.set(name, { dtype, shape: tensor.shape, strides: tensor.strides, offset, limit: range.limit });
  }
  return locatedTensorFile(source, format, located, metadata);
}
