// Reads single columns of Parquet files through hyparquet, an optional package.
import * as zlib from 'node:zlib';
import type * as Hyparquet from 'hyparquet';
import type { ByteSource } from '../byte-source.js';
import { DataError, errorMessage } from '../errors.js';

/** An open Parquet file. */
export interface ParquetFile {
  readonly rows: number;
  /** Columns of values, nested ones by their path: `image.bytes`. */
  readonly columns: readonly string[];
  /** Those of bytes that are not marked as text. */
  readonly byteColumns: ReadonlySet<string>;
  /** First row of each row group, which is decoded at once; the last entry is the number of rows. */
  readonly groupStarts: readonly number[];
  /** Rows `[from, to)` of a column; texts as strings, other bytes as Uint8Array, absent values as null. @throws DataError when they are damaged. */
  values(column: string, from: number, to: number): Promise<unknown[]>;
}

const MAGIC = 'PAR1';
/** No table of pictures has more rows. */
const MAX_ROWS = 100_000_000;
/** No page of a column is larger. */
const MAX_PAGE_BYTES = 1 << 30;

/** Whether a file begins as Parquet does. */
export function isParquet(head: Uint8Array): boolean {
  return new TextDecoder('latin1').decode(head.subarray(0, MAGIC.length)) === MAGIC;
}

/**
 * Opens a Parquet file: its metadata is read, no values.
 * @throws DataError when hyparquet is not installed, or the file is damaged or cut short.
 */
export async function openParquet(source: ByteSource): Promise<ParquetFile> {
  const { parquetMetadataAsync, parquetReadObjects, snappyUncompress } = await importHyparquet(source.name);
  const file: Hyparquet.AsyncBuffer = {
    byteLength: source.size,
    slice: (start, end = source.size) => {
      const bytes = source.read(start, end - start).then(exactBuffer);
      bytes.catch(() => undefined); // the library reads ahead and may fail before it uses these
      return bytes;
    },
  };
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw new DataError(
        `${source.name}: ${what} could not be read (${errorMessage(error)}); the Parquet file is damaged`,
      );
    }
  };
  const metadata = await attempt('its metadata', () => parquetMetadataAsync(file));
  const columns = leafColumns(metadata);
  const compressors = decompressors(snappyUncompress);
  const groupStarts = groupStartsOf(metadata, source.name);
  /** All values of a column in one row group: one promise, since the library leaves others unhandled when one fails. */
  const valuesOfGroup = async (column: string, group: number): Promise<unknown[]> => {
    const part = withoutOthers(metadata, column, group);
    const rows = await parquetReadObjects({
      file,
      metadata: part,
      utf8: false,
      compressors,
    });
    return rows.map((row) => valueAt(row, column.split('.')));
  };
  return {
    rows: groupStarts.at(-1) ?? 0,
    columns,
    byteColumns: byteColumnsOf(metadata),
    groupStarts,
    values: async (column, from, to) => {
      if (!columns.includes(column))
        throw new DataError(`${source.name}: has no column ${column}; its columns are ${columns.join(', ')}`);
      const values: unknown[] = [];
      for (const [group, start] of groupStarts.slice(0, -1).entries()) {
        const end = groupStarts[group + 1] as number;
        if (start >= to || end <= from) continue;
        requireCodec(metadata, column, group, compressors, source.name);
        const all = await attempt(`column ${column}`, () => valuesOfGroup(column, group));
        for (let row = Math.max(start, from); row < Math.min(end, to); row++) values.push(all[row - start] ?? null);
      }
      return values;
    },
  };
}

async function importHyparquet(name: string): Promise<typeof Hyparquet> {
  try {
    return await import('hyparquet');
  } catch (error) {
    throw new DataError(
      `${name}: Parquet files are read by the package hyparquet, which is not installed; run \`npm install hyparquet\` (${errorMessage(error)})`,
    );
  }
}

/** Node's own decompressors where it has them; output is limited to the size of a page. */
function decompressors(snappy: typeof Hyparquet.snappyUncompress): Hyparquet.Compressors {
  const bounded =
    (unpack: (input: Uint8Array, length: number) => Uint8Array) =>
    (input: Uint8Array, length: number): Uint8Array => {
      if (length > MAX_PAGE_BYTES) throw new Error(`a page of ${length} bytes`);
      return unpack(input, length);
    };
  const { zstdDecompressSync: zstd } = zlib as { zstdDecompressSync?: typeof zlib.brotliDecompressSync }; // Node 22.15 and later
  return {
    SNAPPY: bounded((input, length) => {
      const output = new Uint8Array(length);
      snappy(input, output);
      return output;
    }),
    GZIP: bounded((input, maxOutputLength) => zlib.gunzipSync(input, { maxOutputLength })),
    BROTLI: bounded((input, maxOutputLength) => zlib.brotliDecompressSync(input, { maxOutputLength })),
    ...(zstd === undefined ? {} : { ZSTD: bounded((input, maxOutputLength) => zstd(input, { maxOutputLength })) }),
  };
}

/** @throws DataError when a column's compression is not supported */
function requireCodec(
  { row_groups: groups }: Hyparquet.FileMetaData,
  column: string,
  group: number,
  compressors: Hyparquet.Compressors,
  name: string,
): void {
  const chunk = groups[group]?.columns.find(({ meta_data: data }) => data?.path_in_schema.join('.') === column);
  const codec = chunk?.meta_data?.codec;
  if (codec === undefined || codec === 'UNCOMPRESSED' || codec in compressors) return;
  const newer =
    codec === 'ZSTD' ? `Node ${process.version} does not support; use Node 22.15 or later, or` : 'is not supported;';
  throw new DataError(
    `${name}: column ${column} is compressed with ${codec}, which ${newer} write the file again with snappy: pandas.read_parquet(path).to_parquet(path, compression='snappy')`,
  );
}

/** The paths of the columns that hold values. */
function leafColumns({ row_groups: groups }: Hyparquet.FileMetaData): string[] {
  return (groups[0]?.columns ?? []).map(({ meta_data: data }) => data?.path_in_schema.join('.') ?? '');
}

function byteColumnsOf(metadata: Hyparquet.FileMetaData): Set<string> {
  const elements = metadata.schema.slice(1);
  const found = new Set<string>();
  const walk = (path: string, count: number): void => {
    for (let i = 0; i < count; i++) {
      const element = elements.shift();
      if (element === undefined) return;
      const inner = path === '' ? element.name : `${path}.${element.name}`;
      const { type, converted_type: converted, logical_type: logical } = element;
      if (type === 'BYTE_ARRAY' && converted === undefined && logical === undefined) found.add(inner);
      walk(inner, element.num_children ?? 0);
    }
  };
  walk('', metadata.schema[0]?.num_children ?? 0);
  return found;
}

function groupStartsOf({ row_groups: groups }: Hyparquet.FileMetaData, name: string): number[] {
  const starts = [0];
  for (const { num_rows: rows } of groups) {
    const end = (starts.at(-1) as number) + Number(rows);
    if (!(rows >= 0 && end <= MAX_ROWS))
      throw new DataError(`${name}: a group of ${rows} rows; the Parquet file is damaged`);
    starts.push(end);
  }
  return starts;
}

/** The metadata reduced to one column of one row group, since the library would read all nested columns. */
function withoutOthers(metadata: Hyparquet.FileMetaData, column: string, group: number): Hyparquet.FileMetaData {
  const isKept = (path: string): boolean => column === path || column.startsWith(`${path}.`);
  const schema: Hyparquet.SchemaElement[] = [];
  const [root, ...elements] = metadata.schema;
  const walk = (path: string, count: number, depth: number): number => {
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const element = elements.shift();
      if (element === undefined || depth > 32) throw new Error('its schema breaks off');
      const inner = path === '' ? element.name : `${path}.${element.name}`;
      const at = schema.length;
      if (isKept(inner)) {
        schema.push(element);
        kept += 1;
      }
      const children = walk(inner, element.num_children ?? 0, depth + 1);
      if (isKept(inner) && element.num_children !== undefined) schema[at] = { ...element, num_children: children };
    }
    return kept;
  };
  const children = walk('', root?.num_children ?? 0, 0);
  if (root !== undefined) schema.unshift({ ...root, num_children: children });
  const groups = metadata.row_groups.slice(group, group + 1).map((one) => ({
    ...one,
    columns: one.columns.filter(({ meta_data: data }) => data?.path_in_schema.join('.') === column),
  }));
  return { ...metadata, schema, row_groups: groups };
}

function valueAt(row: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, name) => (value as Record<string, unknown> | null | undefined)?.[name] ?? null,
    row,
  );
}

/** A copy of bytes in a buffer of their own, since sources may share buffers. */
function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  const isExact = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength;
  return (isExact ? bytes : new Uint8Array(bytes)).buffer as ArrayBuffer;
}
