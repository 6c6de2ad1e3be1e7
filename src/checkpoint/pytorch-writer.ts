// Writing what torch.load reads: an OrderedDict of tensors as torch.save lays it out.
import type { ByteSink } from '../byte-sink.js';
import { CheckpointError } from '../errors.js';
import { sizeOf } from '../shapes.js';
import type { StoredDType } from '../stored-dtype.js';
import { requireBytes, type TensorToWrite } from './safetensors.js';
import { ZipWriter } from '../formats/zip/zip-writer.js';
import { requireKinds } from '../options.js';

/** The folder inside the archive; torch uses the file's name, but reads any. */
const ROOT = 'archive';

const STORAGE_TYPES: Readonly<Record<StoredDType, string>> = {
  F64: 'DoubleStorage',
  F32: 'FloatStorage',
  F16: 'HalfStorage',
  BF16: 'BFloat16Storage',
  I64: 'LongStorage',
  I32: 'IntStorage',
  I16: 'ShortStorage',
  I8: 'CharStorage',
  U8: 'ByteStorage',
  BOOL: 'BoolStorage',
};

/**
 * Writes a torch.save archive that `torch.load(weights_only=True)` and transformers read. Tied tensors share one storage.
 * One tensor at a time is in memory. Does not close the sink.
 * @throws CheckpointError when a tensor's bytes do not fit its shape, or it is tied to none of the earlier ones.
 * @example
 * const sink = memorySink('weights');
 * const bytes = async () => new Uint8Array(Float32Array.of(1, 2).buffer);
 * await writePytorch(sink, [{ name: 'w', dtype: 'F32', shape: [2], bytes }]);
 */
export async function writePytorch(sink: ByteSink, tensors: Iterable<TensorToWrite>): Promise<void> {
  requireKinds('writePytorch', { 'a destination of bytes': { sink }, 'a list': { tensors } });
  const list = [...tensors];
  const storages = new Map<string, number>();
  for (const { name, tiedTo } of list) {
    const shared = tiedTo === undefined ? storages.size : storages.get(tiedTo);
    if (shared === undefined)
      throw new CheckpointError(`${sink.name}: "${name}" is tied to "${tiedTo}", which is not written before it`);
    storages.set(name, shared);
  }
  const zip = new ZipWriter(sink);
  await zip.add(`${ROOT}/data.pkl`, stateDictPickle(list, storages));
  await zip.add(`${ROOT}/byteorder`, new TextEncoder().encode('little'));
  for (const tensor of list) {
    if (tensor.tiedTo === undefined)
      await zip.add(`${ROOT}/data/${storages.get(tensor.name)}`, await requireBytes(tensor, sink.name));
  }
  await zip.add(`${ROOT}/version`, new TextEncoder().encode('3\n'));
  await zip.finish();
}

function stateDictPickle(tensors: readonly TensorToWrite[], storages: ReadonlyMap<string, number>): Uint8Array {
  const pickle = new PickleBuilder();
  pickle.op('\x80\x02').emptyOrderedDict().op('(');
  for (const { name, dtype, shape } of tensors) {
    const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
    pickle.text(name).op('ctorch._utils\n_rebuild_tensor_v2\n').op('(');
    pickle
      .op('(')
      .text('storage')
      .op(`ctorch\n${STORAGE_TYPES[dtype]}\n`)
      .text(String(storages.get(name)))
      .text('cpu');
    pickle.integer(sizeOf(shape)).op('tQ'); // persistent id of the storage
    pickle.integer(0).integers(shape).integers(strides).op('\x89').emptyOrderedDict().op('tR');
  }
  return pickle.op('u.').bytes();
}

/** Emits protocol 2 opcodes. @see https://github.com/python/cpython/blob/v3.12.0/Lib/pickletools.py */
class PickleBuilder {
  private readonly parts: number[] = [];

  op(opcodes: string): this {
    for (const char of opcodes) this.parts.push(char.charCodeAt(0));
    return this;
  }
  text(text: string): this {
    const bytes = new TextEncoder().encode(text);
    this.op('X')
      .uint32(bytes.byteLength)
      .parts.push(...bytes);
    return this;
  }
  integer(value: number): this {
    if (value < 0x80000000) return this.op('J').uint32(value);
    return this.op('\x8a\x08')
      .uint32(value % 2 ** 32)
      .uint32(Math.floor(value / 2 ** 32));
  }
  integers(values: readonly number[]): this {
    this.op('(');
    for (const value of values) this.integer(value);
    return this.op('t');
  }
  emptyOrderedDict(): this {
    return this.op('ccollections\nOrderedDict\n)R');
  }
  bytes(): Uint8Array {
    return Uint8Array.from(this.parts);
  }
  private uint32(value: number): this {
    this.parts.push(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff);
    return this;
  }
}
