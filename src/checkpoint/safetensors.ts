// Reading and writing safetensors, as strictly as the reference: header of JSON, then every byte belongs to exactly one tensor.
import type { ByteSink } from '../byte-sink.js';
import type { ByteSource } from '../byte-source.js';
import { CheckpointError, errorMessage } from '../errors.js';
import { sizeOf } from '../shapes.js';
import { DTYPE_BYTES, isStoredDType, type StoredDType } from '../stored-dtype.js';
import { type LocatedTensor, locatedTensorFile, type TensorFile } from './tensor-file.js';
import { requireKinds } from '../options.js';

/** The reference implementation rejects longer headers. */
const MAX_HEADER_BYTES = 100_000_000;

/** Headers are padded to a multiple of this; the data follows. */
const ALIGNMENT = 8;

/** A tensor to write: its bytes are requested when it is written, and can be freed afterwards. */
export interface TensorToWrite {
  name: string;
  dtype: StoredDType;
  shape: readonly number[];
  /** Row-major little-endian bytes. */
  bytes(): Promise<Uint8Array> | Uint8Array;
  /** Name of an earlier tensor with the same data: written once where the format supports it (PyTorch), left out elsewhere (safetensors). */
  tiedTo?: string;
}

/**
 * Opens a safetensors file: reads its header, leaves the tensors where they are.
 * @throws CheckpointError when the header is not valid, or the tensors do not tile the rest of the file exactly.
 * @see https://huggingface.co/docs/safetensors/index#format
 */
export async function openSafetensors(source: ByteSource): Promise<TensorFile> {
  const fail = (text: string): never => {
    throw new CheckpointError(`${source.name}: ${text}`);
  };
  if (source.size < 8) fail(`${source.size} bytes are too few for a safetensors file`);
  const first = await source.read(0, 8);
  const headerBytes = Number(new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true));
  const dataStart = 8 + headerBytes;
  if (headerBytes > MAX_HEADER_BYTES || dataStart > source.size) {
    fail(
      `its header claims ${headerBytes} bytes, the file has ${source.size}; it is cut off or not a safetensors file`,
    );
  }
  const { metadata, entries } = parseHeader(await source.read(8, headerBytes), fail);

  let expected = 0;
  const located = new Map<string, LocatedTensor>();
  for (const { name, dtype, shape, begin, end } of entries.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== expected) {
      fail(
        `tensor "${name}" begins at byte ${begin} of the data, expected ${expected}: tensors overlap or leave a hole`,
      );
    }
    if (end - begin !== sizeOf(shape) * DTYPE_BYTES[dtype]) {
      fail(
        `tensor "${name}" [${shape.join(', ')}] ${dtype} takes ${sizeOf(shape) * DTYPE_BYTES[dtype]} bytes, its offsets give ${end - begin}`,
      );
    }
    if (dataStart + end > source.size) {
      fail(`tensor "${name}" ends at byte ${dataStart + end}, the file at ${source.size}; it is cut off, get it again`);
    }
    located.set(name, { dtype, shape, strides: null, offset: dataStart + begin, limit: dataStart + end });
    expected = end;
  }
  if (dataStart + expected !== source.size) {
    fail(`${source.size - dataStart - expected} bytes after its last tensor belong to none; the file is damaged`);
  }
  return locatedTensorFile(source, 'safetensors', located, metadata);
}

interface HeaderEntry {
  name: string;
  dtype: StoredDType;
  shape: number[];
  begin: number;
  end: number;
}

function parseHeader(
  bytes: Uint8Array,
  fail: (text: string) => never,
): { metadata: Record<string, string>; entries: HeaderEntry[] } {
  const header = parseObject(bytes, fail);
  const metadata: Record<string, string> = {};
  const entries: HeaderEntry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (typeof value !== 'object' || value === null) return fail(`header entry "${name}" is not an object`);
    if (name === '__metadata__') {
      for (const [key, text] of Object.entries(value)) {
        if (typeof text !== 'string') return fail(`metadata "${key}" is not a string`);
        Object.defineProperty(metadata, key, { value: text, enumerable: true, configurable: true, writable: true });
      }
      continue;
    }
    const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
    if (!isStoredDType(dtype)) {
      return fail(
        `tensor "${name}" has dtype ${String(dtype)}; expected one of ${Object.keys(DTYPE_BYTES).join(', ')}`,
      );
    }
    if (!isNaturals(shape) || !Number.isSafeInteger(sizeOf(shape) * DTYPE_BYTES[dtype])) {
      return fail(`tensor "${name}" has no usable shape: ${JSON.stringify(shape)?.slice(0, 100)}`);
    }
    if (!isNaturals(offsets) || offsets.length !== 2 || (offsets[0] as number) > (offsets[1] as number)) {
      return fail(`tensor "${name}" has no usable data_offsets: ${JSON.stringify(offsets)?.slice(0, 100)}`);
    }
    entries.push({ name, dtype, shape, begin: offsets[0] as number, end: offsets[1] as number });
  }
  return { metadata, entries };
}

function parseObject(bytes: Uint8Array, fail: (text: string) => never): object {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    return fail(
      `its header is not JSON (${errorMessage(error).slice(0, 120)}); the file is damaged or not a safetensors file`,
    );
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    return fail('its header is not a JSON object');
  return header;
}

function isNaturals(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0);
}

/** Order of dtypes in a file: widest first, as the reference sorts them, so that every tensor is aligned. */
const DTYPE_ORDER: readonly StoredDType[] = ['I64', 'F64', 'F32', 'I32', 'BF16', 'F16', 'I16', 'I8', 'U8', 'BOOL'];

/**
 * Writes a safetensors file, byte for byte as the reference would: tensors by dtype, then by name; tied ones are left out.
 * One tensor at a time is in memory. Does not close the sink.
 * @throws CheckpointError when a tensor's bytes do not fit its shape.
 * @example
 * const sink = memorySink('weights');
 * const bytes = async () => new Uint8Array(Float32Array.of(1, 2).buffer);
 * await writeSafetensors(sink, [{ name: 'w', dtype: 'F32', shape: [2], bytes }]);
 */
export async function writeSafetensors(
  sink: ByteSink,
  tensors: Iterable<TensorToWrite>,
  metadata: Record<string, string> = { format: 'pt' },
): Promise<void> {
  requireKinds('writeSafetensors', { 'a destination of bytes': { sink }, 'a list': { tensors } });
  const sorted = [...tensors]
    .filter((tensor) => tensor.tiedTo === undefined)
    .sort((a, b) => DTYPE_ORDER.indexOf(a.dtype) - DTYPE_ORDER.indexOf(b.dtype) || compareUtf8(a.name, b.name));
  let offset = 0;
  const entries = sorted.map(({ name, dtype, shape }): [string, object] => {
    const begin = offset;
    offset += sizeOf(shape) * DTYPE_BYTES[dtype];
    return [name, { dtype, shape, data_offsets: [begin, offset] }];
  });
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries([['__metadata__', metadata], ...entries])));
  const padded = new Uint8Array(8 + Math.ceil(header.byteLength / ALIGNMENT) * ALIGNMENT).fill(0x20);
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.byteLength - 8), true);
  padded.set(header, 8);
  await sink.write(padded);
  for (const tensor of sorted) await sink.write(await requireBytes(tensor, sink.name));
}

/** The bytes of a tensor to be written. @throws CheckpointError when they do not fit its shape. */
export async function requireBytes(tensor: TensorToWrite, file: string): Promise<Uint8Array> {
  const bytes = await tensor.bytes();
  const expected = sizeOf(tensor.shape) * DTYPE_BYTES[tensor.dtype];
  if (bytes.byteLength !== expected) {
    throw new CheckpointError(
      `${file}: tensor "${tensor.name}" [${tensor.shape.join(', ')}] ${tensor.dtype} takes ${expected} bytes, received ${bytes.byteLength}`,
    );
  }
  return bytes;
}

/** Order by UTF-8 bytes, which is the order by code points. */
function compareUtf8(a: string, b: string): number {
  const [x, y] = [new TextEncoder().encode(a), new TextEncoder().encode(b)];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    if (x[i] !== y[i]) return (x[i] as number) - (y[i] as number);
  }
  return x.length - y.length;
}
