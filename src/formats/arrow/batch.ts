// A batch of rows of an Arrow table: its buffers, and single values from them.
import type { ByteSource } from '../../byte-source.js';
import { DataError } from '../../errors.js';
import type { FlatTable } from '../flat-table.js';
import { decodeArray, type NumericArray } from '../npy.js';
import { damaged } from './damage.js';
import type { ColumnLayout } from './schema.js';

/** A batch of rows: the location of its buffers in the file. */
export interface RecordBatch {
  rows: number;
  /** Values and nulls of each layout node. */
  nodes: (readonly [length: number, nulls: number])[];
  /** Offset in the file and length. */
  buffers: (readonly [offset: number, length: number])[];
}

/** No image has more values. */
const MAX_VALUES = 1 << 28;

/** The batch that a message describes, whose buffers begin at byte `body`. @throws DataError when it is compressed or damaged. */
export function readRecordBatch(source: ByteSource, header: FlatTable, body: number): RecordBatch {
  if (header.table(3) !== null)
    throw new DataError(`${source.name}: is compressed; write it with pyarrow.ipc.IpcWriteOptions(compression=None)`);
  const rows = header.int64(0);
  if (!(rows >= 0 && rows <= source.size)) throw damaged(source, `a batch of ${rows} rows`);
  const buffers = header.pairs(2).map(([offset, length]) => [body + offset, length] as const);
  return { rows, nodes: header.pairs(1), buffers };
}

/** Values of one column in one batch. */
export class BatchReader {
  constructor(
    private readonly source: ByteSource,
    private readonly batch: RecordBatch,
    private readonly column: string,
  ) {}

  private get where(): string {
    return `${this.source.name}, column ${this.column}`;
  }

  /** Rows `[from, to)` of a layout, as `[to - from, ...]`. */
  async numbers(layout: ColumnLayout, from: number, to: number): Promise<NumericArray> {
    this.requireNoNulls(layout);
    if (layout.kind === 'number') {
      const shape = [to - from];
      if (to - from > MAX_VALUES) throw damaged(this.source, `${to - from} values in one row of ${this.column}`);
      const bytes = await this.bytes(layout.buffer, from * layout.bytes, to * layout.bytes);
      return decodeArray({ dtype: layout.dtype, fortranOrder: false, shape }, bytes, this.where);
    }
    if (layout.kind !== 'list' && layout.kind !== 'rows') {
      const found = layout.kind === 'text' ? 'texts' : layout.what;
      throw new DataError(`${this.where}: expected numbers or lists of them, found ${found}`);
    }
    const ends = layout.kind === 'list' ? await this.offsets(layout, from, to) : [from * layout.size, to * layout.size];
    const width = layout.kind === 'rows' ? layout.size : (ends[1] ?? 0) - (ends[0] ?? 0);
    const isEven = layout.kind === 'rows' || ends.every((end, i) => i === 0 || end - (ends[i - 1] as number) === width);
    if (!isEven) throw new DataError(`${this.where}: expected lists of one length, found several`);
    const inner = await this.numbers(layout.child, ends[0] as number, ends.at(-1) as number);
    return { shape: [to - from, width, ...inner.shape.slice(1)], data: inner.data };
  }

  /** All rows as texts. */
  async ids(layout: ColumnLayout): Promise<string[]> {
    this.requireNoNulls(layout);
    const { rows } = this.batch;
    if (layout.kind === 'text') {
      const ends = await this.offsets(layout, 0, rows);
      const start = ends[0] as number;
      const bytes = await this.bytes(layout.buffer + 1, start, ends.at(-1) as number);
      return Array.from({ length: rows }, (_, i) =>
        new TextDecoder().decode(bytes.subarray((ends[i] as number) - start, (ends[i + 1] as number) - start)),
      );
    }
    if (layout.kind !== 'number' || layout.dtype[1] === 'f')
      throw new DataError(`${this.where}: expected texts or whole numbers as ids`);
    const bytes = await this.bytes(layout.buffer, 0, rows * layout.bytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const isSigned = layout.dtype[1] === 'i';
    return Array.from({ length: rows }, (_, i) => String(wholeNumber(view, i * layout.bytes, layout.bytes, isSigned)));
  }

  /** The end offsets of lists or texts `[from, to)`, preceded by the start of the first. */
  private async offsets(
    { buffer, offsetBytes }: { buffer: number; offsetBytes: number },
    from: number,
    to: number,
  ): Promise<number[]> {
    const bytes = await this.bytes(buffer, from * offsetBytes, (to + 1) * offsetBytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const ends = Array.from({ length: to - from + 1 }, (_, i) =>
      Number(wholeNumber(view, i * offsetBytes, offsetBytes, true)),
    );
    const isRising = ends.every((end, i) => end >= (i === 0 ? 0 : (ends[i - 1] as number)));
    if (!isRising) throw damaged(this.source, `the lists of ${this.column} end before they begin`);
    return ends;
  }

  /** Bytes `[from, to)` of a buffer. */
  private async bytes(buffer: number, from: number, to: number): Promise<Uint8Array> {
    const [offset, length] = this.batch.buffers[buffer] ?? [0, -1];
    if (!(from >= 0 && from <= to && to <= length && offset >= 0 && offset + to <= this.source.size))
      throw damaged(this.source, `bytes ${from} to ${to} of a buffer of ${length} in ${this.column}`);
    return this.source.read(offset + from, to - from);
  }

  private requireNoNulls(layout: ColumnLayout): void {
    const nulls = layout.kind === 'other' ? 0 : (this.batch.nodes[layout.node]?.[1] ?? 0);
    if (nulls !== 0) throw new DataError(`${this.where}: holds ${nulls} nulls; every image needs its values`);
  }
}

function wholeNumber(view: DataView, at: number, bytes: number, isSigned: boolean): number | bigint {
  if (bytes === 8) return isSigned ? view.getBigInt64(at, true) : view.getBigUint64(at, true);
  if (bytes === 4) return isSigned ? view.getInt32(at, true) : view.getUint32(at, true);
  if (bytes === 2) return isSigned ? view.getInt16(at, true) : view.getUint16(at, true);
  return isSigned ? view.getInt8(at) : view.getUint8(at);
}
