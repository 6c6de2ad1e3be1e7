// Random access to bytes: the one interface between file formats and where their bytes come from.
import { requireKinds } from './options.js';

/** A file, a buffer or a remote object of known size. Readers never need it whole in memory. */
export interface ByteSource {
  /** What to call it in errors: a path or an address. */
  readonly name: string;
  /** Size in bytes. */
  readonly size: number;
  /** Of an open file of this machine, for native code. */
  readonly descriptor?: number;
  /** `length` bytes from `offset`. The result may share memory with the source and must not be written to. Rejects when the range leaves the source. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Fills `target` with the bytes from `offset`, without an intermediate copy where the source can. */
  readInto(target: Uint8Array, offset: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Bytes in memory as a source.
 * @example
 * const source = bytesSource(await readFile('runs/vqa/model.safetensors'), 'model.safetensors');
 * const { tensors } = await openTensorFile(source);
 */
export function bytesSource(bytes: Uint8Array, name: string): ByteSource {
  requireKinds('bytesSource', { bytes: { bytes } });
  const slice = (offset: number, length: number): Uint8Array => {
    if (offset < 0 || length < 0 || offset + length > bytes.byteLength) {
      throw new RangeError(`${name}: bytes ${offset} to ${offset + length} lie outside its ${bytes.byteLength} bytes`);
    }
    return bytes.subarray(offset, offset + length);
  };
  return {
    name,
    size: bytes.byteLength,
    read: async (offset, length) => slice(offset, length),
    readInto: async (target, offset) => target.set(slice(offset, target.byteLength)),
    close: async () => undefined,
  };
}
