// The directory of a zip archive, read through random access. Written here because torch.save needs what archive libraries hide: the offset
// of each stored entry's bytes in the file (so that a tensor is read straight into its array), in browsers too, and strict checks.
import type { ByteSource } from '../../byte-source.js';
import { CheckpointError } from '../../errors.js';

/** An entry; its bytes are stored as they are, unless it is deflated. */
export interface ZipEntry {
  name: string;
  /** Byte offset of its data in the file. */
  offset: number;
  size: number;
  /** Bytes in the file: less than `size` for a deflated entry. */
  packedSize: number;
  isDeflated: boolean;
  /** CRC-32 of its `size` bytes. */
  checksum: number;
}

const END_RECORD = 0x06054b50;
const END_RECORD_BYTES = 22;
const END_RECORD_64 = 0x06064b50;
const END_LOCATOR_64 = 0x07064b50;
const CENTRAL_HEADER = 0x02014b50;
const CENTRAL_HEADER_BYTES = 46;
const LOCAL_HEADER = 0x04034b50;
const LOCAL_HEADER_BYTES = 30;
const LONGEST_COMMENT = 0xffff;

/** Far above any checkpoint (one entry per storage, BERT base has 200); bounds what a hostile directory can cost. */
const MAX_ENTRIES = 20_000;
/** Bytes of an entry in the directory, its name included. */
const MAX_BYTES_PER_ENTRY = 800;

/**
 * Lists the entries of a zip archive. Deflated ones are refused unless `allowDeflated` (numpy's `.npz`; torch.save never deflates), and more
 * than `maxEntries` (default 20,000: no checkpoint has more).
 * @throws CheckpointError for a damaged directory, compressed or encrypted entries, names that leave the archive, names that occur twice,
 *   and entries that overlap or leave the file.
 * @see https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT sections 4.3.7 to 4.3.16
 */
export async function readZipDirectory(
  source: ByteSource,
  { allowDeflated = false, maxEntries = MAX_ENTRIES }: { allowDeflated?: boolean; maxEntries?: number } = {},
): Promise<Map<string, ZipEntry>> {
  const fail = (text: string): never => {
    throw new CheckpointError(`${source.name}: ${text}`);
  };
  const { count, offset: directoryOffset, size } = await readEndRecord(source, fail);
  if (size > maxEntries * MAX_BYTES_PER_ENTRY || count > maxEntries) {
    fail(`its zip directory of ${size} bytes with ${count} entries is larger than that of any checkpoint`);
  }
  if (!(directoryOffset + size <= source.size))
    fail(`its zip directory at byte ${directoryOffset} leaves the file of ${source.size} bytes; the file is cut off`);
  const directory = await source.read(directoryOffset, size);

  const listed = parseDirectory(directory, count, allowDeflated, fail);
  const entries = new Map<string, ZipEntry>();
  let previousEnd = 0;
  let previousName = '';
  for (const { name, size, packedSize: bytes, isDeflated, checksum, header } of listed.sort(
    (a, b) => a.header - b.header,
  )) {
    if (entries.has(name)) fail(`zip entry "${name}" occurs twice`);
    if (!(header + LOCAL_HEADER_BYTES <= directoryOffset))
      fail(`zip entry "${name}" begins at byte ${header}, after the data`);
    if (header < previousEnd) fail(`zip entries "${previousName}" and "${name}" overlap at byte ${header}`);
    const local = viewOf(await source.read(header, LOCAL_HEADER_BYTES));
    if (local.getUint32(0, true) !== LOCAL_HEADER)
      fail(`zip entry "${name}": no entry begins at byte ${header}; the file is damaged`);
    const offset = header + LOCAL_HEADER_BYTES + local.getUint16(26, true) + local.getUint16(28, true);
    if (!(offset + bytes <= directoryOffset))
      fail(`zip entry "${name}" of ${bytes} bytes at ${offset} leaves the archive; the file is cut off or damaged`);
    entries.set(name, { name, offset, size, packedSize: bytes, isDeflated, checksum });
    previousEnd = offset + bytes;
    previousName = name;
  }
  return entries;
}

async function readEndRecord(
  source: ByteSource,
  fail: (text: string) => never,
): Promise<{ count: number; offset: number; size: number }> {
  const tailBytes = Math.min(source.size, END_RECORD_BYTES + LONGEST_COMMENT);
  const tailStart = source.size - tailBytes;
  const tail = viewOf(await source.read(tailStart, tailBytes));
  let at = tailBytes - END_RECORD_BYTES;
  while (
    at >= 0 &&
    !(tail.getUint32(at, true) === END_RECORD && at + END_RECORD_BYTES + tail.getUint16(at + 20, true) <= tailBytes)
  )
    at--;
  if (at < 0) return fail('the end of its zip archive is missing; the download was cut off, get the file again');

  const record = {
    count: tail.getUint16(at + 10, true),
    size: tail.getUint32(at + 12, true),
    offset: tail.getUint32(at + 16, true),
  };
  if (record.count !== 0xffff && record.size !== 0xffffffff && record.offset !== 0xffffffff) return record;
  const locatorAt = tailStart + at - 20;
  if (locatorAt < 0) return fail('its zip64 directory is missing; the file is damaged');
  const locator = viewOf(await source.read(locatorAt, 20));
  const recordAt = Number(locator.getBigUint64(8, true));
  if (locator.getUint32(0, true) !== END_LOCATOR_64 || !(recordAt + 56 <= source.size))
    return fail('its zip64 directory is damaged');
  const wide = viewOf(await source.read(recordAt, 56));
  if (wide.getUint32(0, true) !== END_RECORD_64) return fail('its zip64 directory is damaged');
  const number = (byte: number): number => Number(wide.getBigUint64(byte, true));
  return { count: number(32), size: number(40), offset: number(48) };
}

interface ListedEntry extends Omit<ZipEntry, 'offset'> {
  header: number;
}

function parseDirectory(
  bytes: Uint8Array,
  count: number,
  allowDeflated: boolean,
  fail: (text: string) => never,
): ListedEntry[] {
  const view = viewOf(bytes);
  const text = new TextDecoder();
  const listed: ListedEntry[] = [];
  let at = 0;
  while (listed.length < count) {
    if (at + CENTRAL_HEADER_BYTES > bytes.byteLength || view.getUint32(at, true) !== CENTRAL_HEADER) {
      return fail(`its zip directory breaks off after ${listed.length} of ${count} entries; the file is damaged`);
    }
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((o) => view.getUint16(at + o, true)) as [
      number,
      number,
      number,
    ];
    const extraAt = at + CENTRAL_HEADER_BYTES + nameBytes;
    const next = extraAt + extraBytes + commentBytes;
    if (next > bytes.byteLength)
      return fail(`its zip directory breaks off in entry ${listed.length}; the file is damaged`);
    const name = text.decode(bytes.subarray(at + CENTRAL_HEADER_BYTES, extraAt));
    if (/(^|[\\/])\.\.([\\/]|$)|^[\\/]|^[A-Za-z]:|\0/.test(name))
      return fail(`zip entry "${name}" has a path that leaves the archive`);
    if (view.getUint16(at + 8, true) & 1) return fail(`zip entry "${name}" is encrypted`);
    const [stored, size, header] = wideSizes(view, at, extraAt, extraBytes);
    const method = view.getUint16(at + 10, true);
    const isDeflated = method === 8 && allowDeflated;
    if (!isDeflated && (method !== 0 || stored !== size)) {
      return fail(
        `zip entry "${name}" is compressed; torch.save stores its entries as they are: unpack the archive and pack it again with zip -0`,
      );
    }
    listed.push({ name, size, packedSize: stored, isDeflated, checksum: view.getUint32(at + 16, true), header });
    at = next;
  }
  return listed;
}

/** [compressed size, size, offset of the local header] of a directory entry, from its zip64 field where it has one. */
function wideSizes(view: DataView, at: number, extraAt: number, extraBytes: number): [number, number, number] {
  let stored = view.getUint32(at + 20, true);
  let size = view.getUint32(at + 24, true);
  let header = view.getUint32(at + 42, true);
  for (let field = extraAt; field + 4 <= extraAt + extraBytes;) {
    const [id, length] = [view.getUint16(field, true), view.getUint16(field + 2, true)];
    const end = Math.min(field + 4 + length, extraAt + extraBytes);
    if (id === 1) {
      let value = field + 4;
      const next = (): number => {
        if (value + 8 > end) return NaN;
        value += 8;
        return Number(view.getBigUint64(value - 8, true));
      };
      if (size === 0xffffffff) size = next();
      if (stored === 0xffffffff) stored = next();
      if (header === 0xffffffff) header = next();
    }
    field = end;
  }
  return [stored, size, header];
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
