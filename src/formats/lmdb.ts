// Reads LMDB, the memory-mapped database in which MMF stores features: lists the location of each value in the file.
//
// Written here because no npm package reads these files without a compiler: `lmdb` has a newer data format and crashes on this one,
// `node-lmdb` has binaries for few systems; both map the file into memory, so that a damaged one crashes the process.
import type { ByteSource } from '../byte-source.js';
import { DataError } from '../errors.js';

/** A key and the location of its value, which is contiguous. */
export interface LmdbEntry {
  key: string;
  offset: number;
  length: number;
}

const MAGIC = 0xbeefc0de;
/** After the page header: the mark of an LMDB file. */
const MAGIC_OFFSET = 16;
const PAGE_HEADER = 16;
const META_BYTES = PAGE_HEADER + 136;
const NODE_HEADER = 8;
/** The format of all versions 0.9; LMDB 1.0 and npm's `lmdb` write 2. */
const DATA_VERSION = 1;
const [MIN_PAGE, MAX_PAGE] = [256, 32768];
/** LMDB's own limit. */
const MAX_DEPTH = 32;
const BRANCH_PAGE = 1;
const LEAF_PAGE = 2;
/** The value is stored in pages of its own. */
const BIG_VALUE = 1;
const NO_PAGE = 2n ** 64n - 1n;

interface Meta {
  pageBytes: number;
  root: bigint;
  transaction: bigint;
}

/** Whether a file begins as LMDB does. */
export function isLmdb(head: Uint8Array): boolean {
  return head.byteLength >= MAGIC_OFFSET + 4 && viewOf(head).getUint32(MAGIC_OFFSET, true) === MAGIC;
}

/**
 * The entries of an LMDB file (`data.mdb`) by ascending key. Only the pages of the tree are read, no values.
 * @throws DataError for a damaged file, another version, several values for a key or databases inside the database.
 * @see https://github.com/LMDB/lmdb/blob/LMDB_0.9.31/libraries/liblmdb/mdb.c#L783 MDB_page, MDB_node and MDB_meta
 */
export async function* lmdbEntries(source: ByteSource): AsyncGenerator<LmdbEntry> {
  const { root, pageBytes } = await readMeta(source);
  let pagesLeft = Math.floor(source.size / pageBytes); // each page is visited once: a cyclic tree ends here
  async function* walk(page: bigint, depth: number): AsyncGenerator<LmdbEntry> {
    const offset = Number(page) * pageBytes;
    if (!(depth < MAX_DEPTH && pagesLeft-- > 0 && offset + pageBytes <= source.size))
      throw damaged(source, `page ${page} lies outside its ${source.size} bytes`);
    const bytes = await source.read(offset, pageBytes);
    const view = viewOf(bytes);
    const flags = view.getUint16(10, true);
    const nodes = (view.getUint16(12, true) - PAGE_HEADER) >> 1;
    if ((flags !== BRANCH_PAGE && flags !== LEAF_PAGE) || !(nodes > 0 && PAGE_HEADER + 2 * nodes <= pageBytes))
      throw damaged(source, `page ${page} is not a page of a tree`);
    for (let i = 0; i < nodes; i++) {
      const at = view.getUint16(PAGE_HEADER + 2 * i, true);
      if (at + NODE_HEADER > pageBytes) throw damaged(source, `page ${page}, entry ${i} lies outside its page`);
      const low = view.getUint32(at, true);
      const high = view.getUint16(at + 4, true);
      if (flags === BRANCH_PAGE) yield* walk(BigInt(low) | (BigInt(high) << 32n), depth + 1);
      else yield leafEntry(bytes, at, { length: low, flags: high }, offset);
    }
  }
  function leafEntry(
    bytes: Uint8Array,
    at: number,
    { length, flags }: { length: number; flags: number },
    pageOffset: number,
  ): LmdbEntry {
    const view = viewOf(bytes);
    const data = at + NODE_HEADER + view.getUint16(at + 6, true);
    const end = flags === BIG_VALUE ? data + 8 : data + length;
    if (end > pageBytes) throw damaged(source, `an entry at byte ${pageOffset + at} lies outside its page`);
    const key = new TextDecoder().decode(bytes.subarray(at + NODE_HEADER, data));
    if (flags !== 0 && flags !== BIG_VALUE)
      throw new DataError(
        `${source.name}, key ${key}: holds several values or a database of its own; expected one value`,
      );
    const offset =
      flags === BIG_VALUE ? Number(view.getBigUint64(data, true)) * pageBytes + PAGE_HEADER : pageOffset + data;
    if (!(offset + length <= source.size))
      throw damaged(source, `the value of ${key} ends at byte ${offset + length}, the file at ${source.size}`);
    return { key, offset, length };
  }
  if (root !== NO_PAGE) yield* walk(root, 0);
}

/** The newer of the two meta pages. */
async function readMeta(source: ByteSource): Promise<Meta> {
  const first = await readMetaAt(source, 0);
  const second = await readMetaAt(source, first.pageBytes);
  return second.transaction > first.transaction ? second : first;
}

async function readMetaAt(source: ByteSource, offset: number): Promise<Meta> {
  if (offset + META_BYTES > source.size) throw damaged(source, 'it ends within its first pages');
  const view = viewOf(await source.read(offset, META_BYTES));
  if (view.getUint32(MAGIC_OFFSET, true) !== MAGIC)
    throw damaged(source, `no LMDB mark at byte ${offset + MAGIC_OFFSET}`);
  const version = view.getUint32(PAGE_HEADER + 4, true);
  if (version !== DATA_VERSION)
    throw new DataError(
      `${source.name}: has version ${version} of LMDB's format; expected ${DATA_VERSION}, which LMDB 0.9 and Python's lmdb write`,
    );
  const pageBytes = view.getUint32(PAGE_HEADER + 24, true);
  if (!(pageBytes >= MIN_PAGE && pageBytes <= MAX_PAGE && Number.isInteger(Math.log2(pageBytes))))
    throw damaged(source, `pages of ${pageBytes} bytes`);
  return {
    pageBytes,
    root: view.getBigUint64(PAGE_HEADER + 112, true),
    transaction: view.getBigUint64(PAGE_HEADER + 128, true),
  };
}

function damaged(source: ByteSource, what: string): DataError {
  return new DataError(`${source.name}: ${what}; the LMDB file is damaged or cut short`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
