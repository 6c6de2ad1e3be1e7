// Tables of FlatBuffers, the format of Arrow's metadata: fields by their slot in the schema, each read checked against the bytes.

/** Lists that are read here are shorter; a larger number is a damaged length. */
const MAX_ENTRIES = 1 << 16;

/**
 * A table inside bytes. Reading outside of them throws a RangeError, as DataView does; the caller names the file.
 * @see https://flatbuffers.dev/internals/
 */
export class FlatTable {
  private constructor(
    private readonly view: DataView,
    private readonly at: number,
  ) {}

  /** The table that the bytes hold. */
  static root(bytes: Uint8Array): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new FlatTable(view, view.getUint32(0, true));
  }

  uint8(slot: number): number {
    const at = this.offsetOf(slot);
    return at === 0 ? 0 : this.view.getUint8(at);
  }

  int16(slot: number): number {
    const at = this.offsetOf(slot);
    return at === 0 ? 0 : this.view.getInt16(at, true);
  }

  int32(slot: number): number {
    const at = this.offsetOf(slot);
    return at === 0 ? 0 : this.view.getInt32(at, true);
  }

  int64(slot: number): number {
    const at = this.offsetOf(slot);
    return at === 0 ? 0 : Number(this.view.getBigInt64(at, true));
  }

  text(slot: number): string {
    const at = this.offsetOf(slot);
    if (at === 0) return '';
    const start = this.follow(at) + 4;
    const length = this.view.getUint32(start - 4, true);
    if (start + length > this.view.byteLength) throw new RangeError('a text ends outside');
    return new TextDecoder().decode(new Uint8Array(this.view.buffer, this.view.byteOffset + start, length));
  }

  /** Null where the table is absent. */
  table(slot: number): FlatTable | null {
    const at = this.offsetOf(slot);
    return at === 0 ? null : new FlatTable(this.view, this.follow(at));
  }

  tables(slot: number): FlatTable[] {
    const { start, length } = this.list(slot);
    return Array.from({ length }, (_, i) => new FlatTable(this.view, this.follow(start + 4 * i)));
  }

  /** A list of structs of two int64. */
  pairs(slot: number): (readonly [number, number])[] {
    const { start, length } = this.list(slot);
    const value = (at: number): number => Number(this.view.getBigInt64(at, true));
    return Array.from({ length }, (_, i) => [value(start + 16 * i), value(start + 16 * i + 8)] as const);
  }

  private list(slot: number): { start: number; length: number } {
    const at = this.offsetOf(slot);
    if (at === 0) return { start: 0, length: 0 };
    const start = this.follow(at) + 4;
    const length = this.view.getUint32(start - 4, true);
    if (length > MAX_ENTRIES) throw new RangeError(`a list of ${length} entries`);
    return { start, length };
  }

  /** The target of an offset, which always points forward, so that there are no cycles. */
  private follow(at: number): number {
    return at + this.view.getUint32(at, true);
  }

  /** Offset of a field; 0 when the table lacks it. */
  private offsetOf(slot: number): number {
    const index = this.at - this.view.getInt32(this.at, true);
    const entry = 4 + 2 * slot;
    const offset = entry < this.view.getUint16(index, true) ? this.view.getUint16(index + entry, true) : 0;
    return offset === 0 ? 0 : this.at + offset;
  }
}
