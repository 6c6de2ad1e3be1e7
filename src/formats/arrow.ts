// Reads Arrow IPC, in which Hugging Face's `datasets` keeps tables: single values out of a file of any size.
//
// Written out here because libraries read record batches whole, which hold 1000 images when `datasets` writes them, and follow damaged
// lengths until memory ends. Of the format only what tables of features need is read: numbers, texts and lists.
import type { ByteSource } from '../byte-source.js';
import { DataError } from '../errors.js';
import { FlatTable } from './flat-table.js';
import { decodeArray, type NumericArray } from './npy.js';

/** How the values of a column lie in the buffers of a batch. */
type Layout =
  | { kind: 'number'; dtype: string; bytes: number; node: number; buffer: number }
  | { kind: 'text'; offsetBytes: number; node: number; buffer: number }
  | { kind: 'list'; offsetBytes: number; node: number; buffer: number; child: Layout }
  | { kind: 'rows'; size: number; node: number; child: Layout }
  | { kind: 'other'; what: string };

/** Rows of the table: where their buffers lie in the file. */
interface Batch {
  rows: number;
  /** Values and nulls of each layout node. */
  nodes: (readonly [length: number, nulls: number])[];
  /** Place in the file and length. */
  buffers: (readonly [offset: number, length: number])[];
}

/** An open Arrow file. Rows are numbered through all batches. */
export interface ArrowTable {
  readonly columns: readonly string[];
  readonly rows: number;
  /** A number, or a list of numbers of one or more axes. @throws DataError for other columns, nulls and lists of different lengths. */
  numbers(column: string, row: number): Promise<NumericArray>;
  /** The texts or whole numbers of a column, all rows. @throws DataError for other columns and nulls. */
  ids(column: string): Promise<string[]>;
}

const FILE_MARK = 'ARROW1';
/** Messages begin so since Arrow 0.15. */
const CONTINUATION = 0xffffffff;
/** What is read of a message at once: nearly always all but its body. */
const HEAD_BYTES = 4096;
const MAX_METADATA_BYTES = 16 << 20;
const MAX_FIELDS = 10_000;
/** No image has more values. */
const MAX_VALUES = 1 << 28;
const [SCHEMA, DICTIONARY, BATCH] = [1, 2, 3];
/** Of `Type` in Arrow's Schema.fbs. */
const TYPES =
  'none Null Int FloatingPoint Binary Utf8 Bool Decimal Date Time Timestamp Interval List Struct Union FixedSizeBinary FixedSizeList Map Duration LargeBinary LargeUtf8 LargeList'.split(
    ' ',
  );
/** Buffers of the types that are passed over. */
const BUFFERS: Readonly<Record<string, number>> = {
  Null: 0,
  Binary: 3,
  Bool: 2,
  Decimal: 2,
  Date: 2,
  Time: 2,
  Timestamp: 2,
  Interval: 2,
  Struct: 1,
  FixedSizeBinary: 2,
  Map: 2,
  Duration: 2,
  LargeBinary: 3,
};

/** Whether a file begins as Arrow's files or streams do: the mark, or a first message, which is a schema of less than a megabyte. */
export function isArrow(head: Uint8Array): boolean {
  if (new TextDecoder('latin1').decode(head.subarray(0, FILE_MARK.length)) === FILE_MARK) return true;
  if (head.byteLength < 16) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  return view.getUint32(0, true) === CONTINUATION && view.getUint32(4, true) < 1 << 20 && view.getUint32(8, true) < 64;
}

/**
 * Opens a file (`.arrow`, Feather) or stream of Arrow IPC: the metadata of its batches is read, no values.
 * @throws DataError when it is damaged, cut short, compressed or big-endian.
 * @see https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
 */
export async function openArrow(source: ByteSource): Promise<ArrowTable> {
  let layouts: Map<string, Layout> | null = null;
  const batches: Batch[] = [];
  for await (const { type, header, body } of messages(source)) {
    if (type === SCHEMA && layouts === null) layouts = checked(source, () => readSchema(source, header));
    else if (type === BATCH && layouts !== null) batches.push(checked(source, () => readBatch(source, header, body)));
    else if (type !== DICTIONARY) throw damaged(source, `a message of type ${type} at byte ${body}`);
  }
  if (layouts === null) throw damaged(source, 'it has no schema');
  const columns = layouts;
  const starts = startsOf(batches);
  const layoutOf = (column: string): Layout => columns.get(column) ?? { kind: 'other', what: 'no column' };
  return {
    columns: [...columns.keys()],
    rows: starts.at(-1) ?? 0,
    numbers: async (column, row) => {
      const index = batchOf(starts, row);
      const inBatch = row - (starts[index] as number);
      const reader = new BatchReader(source, batches[index] as Batch, column);
      const { shape, data } = await reader.numbers(layoutOf(column), inBatch, inBatch + 1);
      return { shape: shape.slice(1), data };
    },
    ids: async (column) => {
      const all: string[] = [];
      for (const batch of batches)
        for (const id of await new BatchReader(source, batch, column).ids(layoutOf(column))) all.push(id);
      return all;
    },
  };
}

/** First row of each batch, and the number of all rows. */
function startsOf(batches: readonly Batch[]): number[] {
  const starts = [0];
  for (const { rows } of batches) starts.push((starts.at(-1) as number) + rows);
  return starts;
}

/** The batch of a row. */
function batchOf(starts: readonly number[], row: number): number {
  let [low, high] = [0, starts.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] as number) <= row) low = middle;
    else high = middle;
  }
  return low;
}

/** The metadata of each message and where its body begins. */
async function* messages(source: ByteSource): AsyncGenerator<{ type: number; header: FlatTable; body: number }> {
  let at = 0;
  while (at + 8 <= source.size) {
    const head = await source.read(at, Math.min(HEAD_BYTES, source.size - at));
    if (at === 0 && new TextDecoder('latin1').decode(head.subarray(0, FILE_MARK.length)) === FILE_MARK) {
      at = 8; // the mark, then a stream, then a footer that says nothing new
      continue;
    }
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const prefix = view.getUint32(0, true) === CONTINUATION ? 8 : 4;
    const length = view.getUint32(prefix - 4, true);
    if (length === 0) return;
    if (length > MAX_METADATA_BYTES || at + prefix + length > source.size)
      throw damaged(source, `the message at byte ${at} would be ${length} bytes long`);
    const bytes =
      prefix + length <= head.byteLength
        ? head.subarray(prefix, prefix + length)
        : await source.read(at + prefix, length);
    const body = at + prefix + length;
    const { type, header, bodyBytes } = checked(source, () => {
      const message = FlatTable.root(bytes);
      return { type: message.uint8(1), header: message.table(2), bodyBytes: message.int64(3) };
    });
    if (header === null || !(bodyBytes >= 0 && body + bodyBytes <= source.size))
      throw damaged(source, `the message at byte ${at} says that ${bodyBytes} bytes follow it`);
    yield { type, header, body };
    at = body + bodyBytes;
  }
}

/** The layouts of all columns. Nodes and buffers are numbered through the fields, parents before children. */
function readSchema(source: ByteSource, schema: FlatTable): Map<string, Layout> {
  if (schema.int16(0) !== 0) throw new DataError(`${source.name}: is big-endian; write it anew on an ordinary machine`);
  let [node, buffer, fields] = [0, 0, 0];
  const layoutOf = (field: FlatTable): Layout => {
    if (++fields > MAX_FIELDS) throw damaged(source, `more than ${MAX_FIELDS} fields`);
    const type = field.table(3);
    const isDictionary = field.table(4) !== null;
    const what = isDictionary ? 'Dictionary' : (TYPES[field.uint8(2)] ?? `type ${field.uint8(2)}`);
    const place = { node: node++, buffer: buffer + 1 }; // behind the bits that mark nulls
    const children = (): Layout[] => (isDictionary ? [] : field.tables(5).map(layoutOf));
    const child = (): Layout => children()[0] ?? { kind: 'other', what: `${what} of nothing` };
    const isLarge = what.startsWith('Large');
    switch (what) {
      case 'Int':
      case 'FloatingPoint': {
        buffer += 2;
        const bytes = what === 'Int' ? (type?.int32(0) ?? 0) / 8 : 2 << (type?.int16(0) ?? 0);
        const letter = what === 'FloatingPoint' ? 'f' : type?.uint8(1) ? 'i' : 'u';
        if (![1, 2, 4, 8].includes(bytes)) throw damaged(source, `numbers of ${bytes} bytes`);
        return { kind: 'number', dtype: `<${letter}${bytes}`, bytes, ...place };
      }
      case 'Utf8':
      case 'LargeUtf8':
        buffer += 3;
        return { kind: 'text', offsetBytes: isLarge ? 8 : 4, ...place };
      case 'List':
      case 'LargeList':
        buffer += 2;
        return { kind: 'list', offsetBytes: isLarge ? 8 : 4, ...place, child: child() };
      case 'FixedSizeList':
        buffer += 1;
        return { kind: 'rows', size: type?.int32(0) ?? 0, node: place.node, child: child() };
      default: {
        const own = isDictionary ? 2 : BUFFERS[what];
        if (own === undefined)
          throw new DataError(
            `${source.name}: column ${field.text(0)} is of ${what}, which is not read here; remove it`,
          );
        buffer += own;
        children();
        return { kind: 'other', what };
      }
    }
  };
  return new Map(schema.tables(1).map((field) => [field.text(0), layoutOf(field)]));
}

function readBatch(source: ByteSource, header: FlatTable, body: number): Batch {
  if (header.table(3) !== null)
    throw new DataError(`${source.name}: is compressed; write it with pyarrow.ipc.IpcWriteOptions(compression=None)`);
  const rows = header.int64(0);
  if (!(rows >= 0 && rows <= source.size)) throw damaged(source, `a batch of ${rows} rows`);
  const buffers = header.pairs(2).map(([offset, length]) => [body + offset, length] as const);
  return { rows, nodes: header.pairs(1), buffers };
}

/** Values of one column in one batch. */
class BatchReader {
  constructor(
    private readonly source: ByteSource,
    private readonly batch: Batch,
    private readonly column: string,
  ) {}

  private get where(): string {
    return `${this.source.name}, column ${this.column}`;
  }

  /** Rows `[from, to)` of a layout, as `[to - from, ...]`. */
  async numbers(layout: Layout, from: number, to: number): Promise<NumericArray> {
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
  async ids(layout: Layout): Promise<string[]> {
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

  /** Where lists or texts `[from, to)` end, from the end of the one before them. */
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

  private requireNoNulls(layout: Layout): void {
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

/** What `read` makes of metadata; reading outside of it is an error of the file. */
function checked<T>(source: ByteSource, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) throw damaged(source, `its metadata (${error.message})`);
    throw error;
  }
}

function damaged(source: ByteSource, what: string): DataError {
  return new DataError(`${source.name}: ${what}; the Arrow file is damaged or cut short`);
}
