// Reading the torch.save stream of PyTorch before 1.6: five pickles, then every storage as its length and its bytes.
import type { ByteSource } from '../byte-source.js';
import { CheckpointError } from '../errors.js';
import { DTYPE_BYTES } from '../stored-dtype.js';
import { PickleEnd } from '../formats/pickle/pickle-bytes.js';
import { readPickle } from '../formats/pickle/pickle.js';
import type { PickleRules, PickleValue } from '../formats/pickle/pickle-values.js';
import type { TorchObject } from './pytorch.js';
import { TORCH_RULES, TorchStorage } from './torch-objects.js';

/** The file begins with the pickle of this number. */
const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL_VERSION = 1001;

/** Pickles are read through a window that grows until they fit; most fit the first. */
const FIRST_WINDOW_BYTES = 1 << 20;
const MAX_WINDOW_BYTES = 64 << 20;

/** Every storage begins with its number of elements. */
const STORAGE_HEADER_BYTES = 8;

/**
 * Reads the pickles of a legacy torch.save stream. Nothing in it is executed; storages stay in the file.
 * @throws CheckpointError for a damaged, hostile or big-endian file.
 * @see https://github.com/pytorch/pytorch/blob/v1.0.0/torch/serialization.py#L226
 */
export async function readTorchStream(source: ByteSource): Promise<TorchObject> {
  const fail = (text: string): never => {
    throw new CheckpointError(`${source.name}: ${text}`);
  };
  const storages = new Map<string, TorchStorage>();
  const rules: PickleRules = {
    ...TORCH_RULES,
    persistentLoad: (id) => {
      const storage = TORCH_RULES.persistentLoad(id);
      if (storage instanceof TorchStorage && !storages.has(storage.key)) storages.set(storage.key, storage);
      return storage;
    },
  };
  let at = 0;
  const next = async (): Promise<PickleValue> => {
    const { value, length } = await readPickleAt(source, at, rules);
    at += length;
    return value;
  };
  if ((await next()) !== MAGIC) fail('does not begin as a torch.save stream');
  const version = await next();
  if (version !== PROTOCOL_VERSION)
    fail(`has version ${String(version).slice(0, 20)} of the torch.save stream; expected ${PROTOCOL_VERSION}`);
  const system = await next();
  if (system instanceof Map && system.get('little_endian') === false)
    fail('its numbers are big-endian; save it again on a little-endian machine');
  const value = await next();
  const keys = await next();
  if (!Array.isArray(keys)) return fail('its list of storages is missing; the file is damaged');

  const ranges = new Map<string, { offset: number; limit: number }>();
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (storage === undefined)
      return fail(`lists storage ${String(key).slice(0, 40)}, which no tensor uses; the file is damaged`);
    if (ranges.has(storage.key)) return fail(`lists storage ${storage.key} twice; the file is damaged`);
    if (storage.dtype === null)
      return fail(`storage ${storage.key} is a ${storage.typeName}; expected floats or integers`);
    const where = `storage ${storage.key} at byte ${at}`;
    if (at + STORAGE_HEADER_BYTES > source.size) return fail(`${where} is missing; the file is cut off`);
    const header = await source.read(at, STORAGE_HEADER_BYTES);
    const elements = Number(new DataView(header.buffer, header.byteOffset, STORAGE_HEADER_BYTES).getBigInt64(0, true));
    if (elements !== storage.elements)
      return fail(`${where} has ${elements} elements, its pickle says ${storage.elements}; the file is damaged`);
    const offset = at + STORAGE_HEADER_BYTES;
    const limit = offset + elements * DTYPE_BYTES[storage.dtype];
    if (!(limit <= source.size))
      return fail(`${where} ends at byte ${limit}, the file at ${source.size}; it is cut off`);
    ranges.set(storage.key, { offset, limit });
    at = limit;
  }
  return { format: 'pytorch-legacy', value, locate: ({ key }) => ranges.get(key) };
}

async function readPickleAt(
  source: ByteSource,
  at: number,
  rules: PickleRules,
): Promise<{ value: PickleValue; length: number }> {
  for (let window = FIRST_WINDOW_BYTES; ; window *= 8) {
    const bytes = await source.read(at, Math.min(window, source.size - at));
    try {
      return readPickle(bytes, rules, source.name, at);
    } catch (error) {
      if (!(error instanceof PickleEnd) || at + window >= source.size || window >= MAX_WINDOW_BYTES) throw error;
    }
  }
}
