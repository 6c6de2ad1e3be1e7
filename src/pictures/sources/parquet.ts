// Pictures in Parquet files as Hugging Face's `datasets` stores them: a column of structs of bytes and path, or of bytes.
import type { ByteSource } from '../../byte-source.js';
import { DataError } from '../../errors.js';
import { openParquet, type ParquetFile } from '../../formats/parquet.js';
import { warnOnce } from '../../logger.js';
import { counted } from '../../words.js';
import { type NameBy, pictureId, type PictureSource, pictureSource } from './source.js';

/** Names of columns of ids. */
const ID_COLUMNS = ['image_id', 'img_id', 'id', '__key__', 'file_name', 'filename'];

/**
 * The pictures of a Parquet file. Ids are those of a column `image_id` (or `id`, `file_name` and the like), else the names of the files that
 * the pictures came from, else the name of this file and the number of the row. A row group is decoded at once and kept until another one is read.
 * @param column the column of pictures, where the file has several.
 * @throws DataError when the file is damaged, or has none or several columns of pictures.
 */
export async function openParquetPictures(source: ByteSource, nameBy: NameBy, column?: string): Promise<PictureSource> {
  const table = await openParquet(source);
  const bytes = pictureColumn(table, source.name, column);
  const ids = await idsOf(table, bytes, source.name, nameBy);
  const readGroup = lastGroup(table, bytes);
  const entries = ids.map((id, row) => {
    const where = `${source.name}, row ${row} (image ${id})`;
    const read = async (): Promise<Uint8Array> => {
      const picture = await readGroup(row);
      if (picture instanceof Uint8Array) return picture;
      throw new DataError(`${where}: has no picture; open the folder of its files instead`);
    };
    return { id, where, read };
  });
  const advice = `give each row an id of its own in a column ${ID_COLUMNS[0]}`;
  return pictureSource(source.name, entries, { advice, hasTable: true, close: () => source.close() });
}

/** The column with the bytes of the pictures. */
function pictureColumn({ columns, byteColumns }: ParquetFile, name: string, asked: string | undefined): string {
  const structs = columns.filter((path) => path.endsWith('.bytes')).map((path) => path.slice(0, -'.bytes'.length));
  const plain = columns.filter((path) => byteColumns.has(path) && !path.includes('.') && !ID_COLUMNS.includes(path));
  const found = [...structs, ...plain];
  const [only, ...others] = asked === undefined ? found : found.filter((one) => one === asked);
  if (only === undefined || others.length > 0) {
    const what =
      others.length > 0
        ? `one column of pictures, found ${found.join(' and ')}; name one with --column`
        : 'a column of pictures';
    throw new DataError(
      `${name}: expected ${asked === undefined ? what : `a column of pictures ${asked}`}; its columns are ${columns.join(', ')}`,
    );
  }
  return structs.includes(only) ? `${only}.bytes` : only;
}

async function idsOf(table: ParquetFile, bytes: string, file: string, nameBy: NameBy): Promise<string[]> {
  const name = pictureId(file);
  const path = bytes.replace(/bytes$/, 'path');
  const column =
    ID_COLUMNS.find((name) => table.columns.includes(name)) ??
    (path !== bytes && table.columns.includes(path) ? path : undefined);
  const values = column === undefined ? [] : await table.values(column, 0, table.rows);
  const unnamed = values.filter((value) => value === null || value === '').length;
  const isNamed = values.length === table.rows && unnamed === 0;
  if (0 < unnamed && unnamed < values.length)
    warnOnce(
      `${file}: ${counted(unnamed, 'row')} of ${values.length} ${unnamed === 1 ? 'has' : 'have'} no ${column}, so all ids are numbers of rows (${name}-0, ...); fill the column to use its names`,
    );
  return Array.from({ length: table.rows }, (_, row) => (isNamed ? idOf(values[row], nameBy) : `${name}-${row}`));
}

function idOf(value: unknown, nameBy: NameBy): string {
  const text = value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value);
  return pictureId(text, nameBy);
}

/** Reads pictures by row; the last decoded row group is kept. */
function lastGroup(table: ParquetFile, column: string): (row: number) => Promise<unknown> {
  let kept: { from: number; to: number; values: Promise<unknown[]> } | null = null;
  return async (row) => {
    if (kept === null || row < kept.from || row >= kept.to) {
      const end = table.groupStarts.findIndex((start) => start > row);
      const [from, to] = [table.groupStarts[end - 1] as number, table.groupStarts[end] as number];
      kept = { from, to, values: table.values(column, from, to) };
    }
    const { from, values } = kept;
    return (await values)[row - from];
  };
}
