// Reads the bytes of a pickle sequentially: the numbers, texts and lines of its opcodes.
import { CheckpointError } from '../../errors.js';

/** No integer of a checkpoint is longer. */
const MAX_INTEGER_BYTES = 256;

/** Thrown when the bytes end before the pickle does: the caller may retry with more. */
export class PickleEnd extends CheckpointError {}

/** A cursor over the bytes of a pickle. Every method reads from it and advances it. */
export class PickleBytes {
  /** Bytes read so far. */
  at = 0;
  private readonly view: DataView;
  private readonly text = new TextDecoder();
  private readonly strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  private opcodeAt = 0;

  /** @param file name for errors; @param base byte offset of `bytes` in the file, for errors. */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly file: string,
    private readonly base: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The next opcode; errors name its offset until the next one. */
  opcode(): number {
    this.opcodeAt = this.at;
    return this.byte();
  }

  /** @throws CheckpointError naming the file and the offset of the opcode. */
  fail(reason: string): never {
    throw new CheckpointError(`${this.file}: pickle at byte ${this.base + this.opcodeAt}: ${reason}`);
  }

  /** Skips `count` bytes and returns the index of the first. @throws PickleEnd when fewer are left. */
  take(count: number): number {
    const start = this.at;
    if (!(count >= 0 && start + count <= this.bytes.byteLength)) {
      throw new PickleEnd(
        `${this.file}: pickle at byte ${this.base + this.opcodeAt} breaks off; the file is cut off or damaged`,
      );
    }
    this.at += count;
    return start;
  }
  float64(): number {
    return this.view.getFloat64(this.take(8), false);
  }
  byte(): number {
    return this.view.getUint8(this.take(1));
  }
  uint16(): number {
    return this.view.getUint16(this.take(2), true);
  }
  uint32(): number {
    return this.view.getUint32(this.take(4), true);
  }
  uint64(): number {
    return Number(this.view.getBigUint64(this.take(8), true));
  }
  raw(length: number): Uint8Array {
    const start = this.take(length);
    return this.bytes.subarray(start, start + length);
  }
  string(length: number): string {
    return this.text.decode(this.raw(length));
  }
  /** Python 2 has one type for text and bytes: text when it is UTF-8. */
  textOrBytes(length: number): string | Uint8Array {
    const bytes = this.raw(length);
    try {
      return this.strictText.decode(bytes);
    } catch {
      return bytes;
    }
  }
  rawLine(): Uint8Array {
    const end = this.bytes.indexOf(0x0a, this.at);
    const bytes = this.raw(end < 0 ? Infinity : end - this.at);
    this.at++;
    return bytes;
  }
  line(): string {
    return this.text.decode(this.rawLine());
  }

  integer(length: number): number | bigint {
    if (length > MAX_INTEGER_BYTES) this.fail(`an integer of ${length} bytes`);
    const bytes = this.raw(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
    if (length > 0 && (bytes[length - 1] as number) & 0x80) value -= 1n << BigInt(8 * length);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
  decimal(line: string): number | boolean {
    if (line === '00' || line === '01') return line === '01';
    const value = Number(line.replace(/L$/, ''));
    if (line.length > 40 || Number.isNaN(value)) this.fail(`"${line.slice(0, 40)}" is not a number`);
    return value;
  }
  /** A line in Python's raw-unicode-escape. */
  unicodeLine(): string {
    return rawUnicode(this.rawLine());
  }
}

/** Python's raw-unicode-escape: a byte is a character, `\u` and `\U` begin those beyond, and those that a line cannot hold. */
function rawUnicode(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return text.replace(/\\(?:u([0-9a-f]{4})|U(000[0-9a-f]{5}|0010[0-9a-f]{4}))/gi, (_, short: string, long: string) =>
    String.fromCodePoint(parseInt(short ?? long, 16)),
  );
}
