// Writes a zip archive of stored entries with aligned data, as torch.save does (zip64 where sizes need it), streaming.
import type { ByteSink } from '../../byte-sink.js';
import { crc32 } from './crc32.js';
import { requireKinds } from '../../options.js';

/** torch aligns each storage to this, so that it can be mapped into memory. */
const ALIGNMENT = 64;

/** torch pads the local header with an extra field of this id. */
const PADDING_FIELD = 0x4246;
const ZIP64_FIELD = 1;
const LIMIT_32 = 0xffffffff;

/** 1980-01-01, the first day of zip: the same tensors give the same bytes. */
const DOS_DATE = (1 << 5) | 1;

interface WrittenEntry {
  name: Uint8Array;
  crc: number;
  size: number;
  header: number;
}

/**
 * Adds entries one after the other; `finish` writes the directory. Does not close the sink.
 * @example
 * const sink = memorySink('model.zip');
 * const zip = new ZipWriter(sink);
 * await zip.add('vocab.txt', new TextEncoder().encode('[PAD]'));
 * await zip.finish();
 * const archive = sink.bytes();
 */
export class ZipWriter {
  private at = 0;
  private readonly entries: WrittenEntry[] = [];

  constructor(private readonly sink: ByteSink) {}

  /** Appends one stored entry. */
  async add(name: string, bytes: Uint8Array): Promise<void> {
    requireKinds('ZipWriter.add', { 'a text': { name }, bytes: { bytes } });
    const entry = { name: new TextEncoder().encode(name), crc: crc32(bytes), size: bytes.byteLength, header: this.at };
    this.entries.push(entry);
    const wide = entry.size >= LIMIT_32 ? field(ZIP64_FIELD, [entry.size, entry.size]) : new Uint8Array();
    const fixed = this.at + 30 + entry.name.byteLength + wide.byteLength + 4;
    const padding = field(PADDING_FIELD, [], (ALIGNMENT - (fixed % ALIGNMENT)) % ALIGNMENT);
    const header = new DataView(new ArrayBuffer(30));
    header.setUint32(0, 0x04034b50, true);
    writeCommon(header, 4, entry);
    header.setUint16(28, wide.byteLength + padding.byteLength, true);
    await this.write(new Uint8Array(header.buffer), entry.name, wide, padding, bytes);
  }

  /** Writes the directory. */
  async finish(): Promise<void> {
    const start = this.at;
    for (const entry of this.entries) {
      const values = [
        ...(entry.size >= LIMIT_32 ? [entry.size, entry.size] : []),
        ...(entry.header >= LIMIT_32 ? [entry.header] : []),
      ];
      const wide = values.length > 0 ? field(ZIP64_FIELD, values) : new Uint8Array();
      const header = new DataView(new ArrayBuffer(46));
      header.setUint32(0, 0x02014b50, true);
      writeCommon(header, 6, entry);
      header.setUint16(30, wide.byteLength, true);
      header.setUint32(42, Math.min(entry.header, LIMIT_32), true);
      await this.write(new Uint8Array(header.buffer), entry.name, wide);
    }
    const [count, size, end] = [this.entries.length, this.at - start, this.at];
    if (count >= 0xffff || size >= LIMIT_32 || start >= LIMIT_32) {
      const record = new DataView(new ArrayBuffer(56 + 20));
      record.setUint32(0, 0x06064b50, true);
      record.setBigUint64(4, 44n, true);
      record.setUint16(12, 45, true);
      record.setUint16(14, 45, true);
      [count, count, size, start].forEach((value, i) => record.setBigUint64(24 + 8 * i, BigInt(value), true));
      record.setUint32(56, 0x07064b50, true);
      record.setBigUint64(64, BigInt(end), true);
      record.setUint32(72, 1, true);
      await this.write(new Uint8Array(record.buffer));
    }
    const record = new DataView(new ArrayBuffer(22));
    record.setUint32(0, 0x06054b50, true);
    record.setUint16(8, Math.min(count, 0xffff), true);
    record.setUint16(10, Math.min(count, 0xffff), true);
    record.setUint32(12, Math.min(size, LIMIT_32), true);
    record.setUint32(16, Math.min(start, LIMIT_32), true);
    await this.write(new Uint8Array(record.buffer));
  }

  private async write(...parts: Uint8Array[]): Promise<void> {
    for (const part of parts) {
      await this.sink.write(part);
      this.at += part.byteLength;
    }
  }
}

/** The fields that local and central headers share, from "version needed" on. */
function writeCommon(header: DataView, at: number, { name, crc, size, header: offset }: WrittenEntry): void {
  const version = size >= LIMIT_32 || offset >= LIMIT_32 ? 45 : 20;
  if (at === 6) header.setUint16(4, version, true);
  header.setUint16(at, version, true);
  header.setUint16(at + 2, 0x800, true); // names are UTF-8
  header.setUint16(at + 8, DOS_DATE, true);
  header.setUint32(at + 10, crc, true);
  header.setUint32(at + 14, Math.min(size, LIMIT_32), true);
  header.setUint32(at + 18, Math.min(size, LIMIT_32), true);
  header.setUint16(at + 22, name.byteLength, true);
}

function field(id: number, values: number[], paddingBytes = 0): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 + 8 * values.length + paddingBytes));
  view.setUint16(0, id, true);
  view.setUint16(2, view.byteLength - 4, true);
  values.forEach((value, i) => view.setBigUint64(4 + 8 * i, BigInt(value), true));
  return new Uint8Array(view.buffer);
}
