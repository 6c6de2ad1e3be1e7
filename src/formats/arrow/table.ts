// Reads Arrow IPC, the table format of Hugging Face's `datasets`: single values from a file of any size.
//
// Written here because libraries read whole record batches (1000 images, as `datasets` writes them), and follow damaged lengths until
// memory runs out. Only the part of the format that feature tables use is supported: numbers, texts and lists.
import type { ByteSource } from '../../byte-source.js';
import type { NumericArray } from '../npy.js';
import { type RecordBatch, BatchReader, readRecordBatch } from './batch.js';
import { checked, damaged } from './damage.js';
import { messages } from './messages.js';
import { type ColumnLayout, readSchema } from './schema.js';

/** An open Arrow file. Rows are numbered through all batches. */
export interface ArrowTable {
  readonly columns: readonly string[];
  readonly rows: number;
  /** A number, or a list of numbers of one or more axes. @throws DataError for other columns, nulls and lists of different lengths. */
  numbers(column: string, row: number): Promise<NumericArray>;
  /** The texts or whole numbers of a column, all rows. @throws DataError for other columns and nulls. */
  ids(column: string): Promise<string[]>;
}

/** Kinds of messages. */
const [SCHEMA, DICTIONARY, BATCH] = [1, 2, 3];

/**
 * Opens a file (`.arrow`, Feather) or stream of Arrow IPC: the metadata of its batches is read, no values.
 * @throws DataError when it is damaged, cut short, compressed or big-endian.
 * @see https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
 */
export async function openArrow(source: ByteSource): Promise<ArrowTable> {
  let layouts: Map<string, ColumnLayout> | null = null;
  const batches: RecordBatch[] = [];
  for await (const { type, header, body } of messages(source)) {
    if (type === SCHEMA && layouts === null) layouts = checked(source, () => readSchema(source, header));
    else if (type === BATCH && layouts !== null)
      batches.push(checked(source, () => readRecordBatch(source, header, body)));
    else if (type !== DICTIONARY) throw damaged(source, `a message of type ${type} at byte ${body}`);
  }
  if (layouts === null) throw damaged(source, 'it has no schema');
  const columns = layouts;
  const starts = startsOf(batches);
  const layoutOf = (column: string): ColumnLayout => columns.get(column) ?? { kind: 'other', what: 'no column' };
  return {
    columns: [...columns.keys()],
    rows: starts.at(-1) ?? 0,
    numbers: async (column, row) => {
      const index = batchOf(starts, row);
      const inBatch = row - (starts[index] as number);
      const reader = new BatchReader(source, batches[index] as RecordBatch, column);
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
function startsOf(batches: readonly RecordBatch[]): number[] {
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
