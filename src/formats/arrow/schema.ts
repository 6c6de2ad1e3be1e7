// The schema of an Arrow table: how the values of each column are laid out in the buffers of a batch.
import type { ByteSource } from '../../byte-source.js';
import { DataError } from '../../errors.js';
import type { FlatTable } from '../flat-table.js';
import { damaged } from './damage.js';

/** How the values of a column are laid out in the buffers of a batch. */
export type ColumnLayout =
  | { kind: 'number'; dtype: string; bytes: number; node: number; buffer: number }
  | { kind: 'text'; offsetBytes: number; node: number; buffer: number }
  | { kind: 'list'; offsetBytes: number; node: number; buffer: number; child: ColumnLayout }
  | { kind: 'rows'; size: number; node: number; child: ColumnLayout }
  | { kind: 'other'; what: string };

const MAX_FIELDS = 10_000;
/** Names of `Type` in Arrow's Schema.fbs. */
const TYPES =
  'none Null Int FloatingPoint Binary Utf8 Bool Decimal Date Time Timestamp Interval List Struct Union FixedSizeBinary FixedSizeList Map Duration LargeBinary LargeUtf8 LargeList'.split(
    ' ',
  );
/** Number of buffers of the types that are skipped. */
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

/** The layouts of all columns. Nodes and buffers are numbered through the fields, parents before children. */
export function readSchema(source: ByteSource, schema: FlatTable): Map<string, ColumnLayout> {
  if (schema.int16(0) !== 0)
    throw new DataError(`${source.name}: is big-endian; write it again on a little-endian machine`);
  let [node, buffer, fields] = [0, 0, 0];
  const layoutOf = (field: FlatTable): ColumnLayout => {
    if (++fields > MAX_FIELDS) throw damaged(source, `more than ${MAX_FIELDS} fields`);
    const type = field.table(3);
    const isDictionary = field.table(4) !== null;
    const what = isDictionary ? 'Dictionary' : (TYPES[field.uint8(2)] ?? `type ${field.uint8(2)}`);
    const first = { node: node++, buffer: buffer + 1 }; // after the validity bitmap
    const children = (): ColumnLayout[] => (isDictionary ? [] : field.tables(5).map(layoutOf));
    const child = (): ColumnLayout => children()[0] ?? { kind: 'other', what: `${what} of nothing` };
    const isLarge = what.startsWith('Large');
    switch (what) {
      case 'Int':
      case 'FloatingPoint': {
        buffer += 2;
        const bytes = what === 'Int' ? (type?.int32(0) ?? 0) / 8 : 2 << (type?.int16(0) ?? 0);
        const letter = what === 'FloatingPoint' ? 'f' : type?.uint8(1) ? 'i' : 'u';
        if (![1, 2, 4, 8].includes(bytes)) throw damaged(source, `numbers of ${bytes} bytes`);
        return { kind: 'number', dtype: `<${letter}${bytes}`, bytes, ...first };
      }
      case 'Utf8':
      case 'LargeUtf8':
        buffer += 3;
        return { kind: 'text', offsetBytes: isLarge ? 8 : 4, ...first };
      case 'List':
      case 'LargeList':
        buffer += 2;
        return { kind: 'list', offsetBytes: isLarge ? 8 : 4, ...first, child: child() };
      case 'FixedSizeList':
        buffer += 1;
        return { kind: 'rows', size: type?.int32(0) ?? 0, node: first.node, child: child() };
      default: {
        const own = isDictionary ? 2 : BUFFERS[what];
        if (own === undefined)
          throw new DataError(
            `${source.name}: column ${field.text(0)} is of ${what}, which is not supported; remove it`,
          );
        buffer += own;
        children();
        return { kind: 'other', what };
      }
    }
  };
  return new Map(schema.tables(1).map((field) => [field.text(0), layoutOf(field)]));
}
