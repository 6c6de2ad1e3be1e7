// Lists tar archives with the location of each file. Written here because npm packages read archives as streams, without random access.
import type { ByteSource } from '../byte-source.js';
import { DataError } from '../errors.js';

/** A file in an archive. */
export interface TarEntry {
  name: string;
  /** Byte offset of its data in the archive. */
  offset: number;
  size: number;
}

const BLOCK = 512;
/** Longer than any path. */
const MAX_NAME_BYTES = 1 << 16;
/** COCO has 164 thousand pictures, ImageNet 14 million. */
const MAX_ENTRIES = 20_000_000;
/** Types of regular files, also in the old format. */
const FILE_TYPES = ['0', '\0', '7', ''];

/** Whether bytes begin as a tar archive does. */
export function isTar(head: Uint8Array): boolean {
  return head.byteLength >= BLOCK && new TextDecoder('latin1').decode(head.subarray(257, 262)) === 'ustar';
}

/**
 * The files of a tar archive (ustar, pax, GNU), in order; folders and links are skipped.
 * @throws DataError when it is damaged or cut short: without the empty block that ends it.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06
 */
export async function readTarDirectory(source: ByteSource): Promise<TarEntry[]> {
  const entries: TarEntry[] = [];
  let longName: string | null = null;
  for (let at = 0; ;) {
    if (at + BLOCK > source.size)
      throw new DataError(`${source.name}: the tar archive ends without its end mark; it is cut short`);
    const block = await source.read(at, BLOCK);
    if (block.every((byte) => byte === 0)) return entries;
    requireChecksum(block, source, at);
    const size = numberAt(block, 124, 12);
    const offset = at + BLOCK;
    const next = offset + Math.ceil(size / BLOCK) * BLOCK;
    if (!(size >= 0 && offset + size <= source.size)) {
      throw new DataError(
        `${source.name}: the file at byte ${at} of the tar archive would be ${size} bytes long; it is cut short or damaged`,
      );
    }
    const type = textAt(block, 156, 1);
    if (type === 'L' || type === 'x') longName = (await nameIn(source, offset, size, type)) ?? longName;
    else if (type !== 'g' && type !== 'K') {
      const name = longName ?? shortName(block);
      longName = null;
      if (FILE_TYPES.includes(type)) entries.push({ name, offset, size });
      if (entries.length > MAX_ENTRIES) throw new DataError(`${source.name}: more than ${MAX_ENTRIES} files`);
    }
    at = next;
  }
}

/** The sum of the header's bytes, those of the sum itself counted as spaces. */
function requireChecksum(block: Uint8Array, source: ByteSource, at: number): void {
  const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
  if (sum !== numberAt(block, 148, 8))
    throw new DataError(`${source.name}: expected a file of the tar archive at byte ${at}; it is damaged`);
}

function shortName(block: Uint8Array): string {
  const prefix = textAt(block, 257, 6) === 'ustar' ? textAt(block, 345, 155) : '';
  return `${prefix === '' ? '' : `${prefix}/`}${textAt(block, 0, 100)}`;
}

/** The long name that GNU's tar (`L`) or a pax header (`x`) gives the file that follows. */
async function nameIn(source: ByteSource, offset: number, size: number, type: 'L' | 'x'): Promise<string | null> {
  if (size > MAX_NAME_BYTES) throw new DataError(`${source.name}: a name of ${size} bytes; the tar archive is damaged`);
  const text = new TextDecoder().decode(await source.read(offset, size));
  return type === 'L' ? text.replace(/\0.*$/s, '') : (/(?:^|\n)\d+ path=([^\n]*)\n/.exec(text)?.[1] ?? null);
}

/** A text up to its first NUL. */
function textAt(block: Uint8Array, at: number, length: number): string {
  return new TextDecoder().decode(block.subarray(at, at + length)).replace(/\0.*$/s, '');
}

/** Octal digits, or with the first bit set a binary number. NaN for anything else. */
function numberAt(block: Uint8Array, at: number, length: number): number {
  const field = block.subarray(at, at + length);
  if ((field[0] as number) & 0x80)
    return field.reduce((value, byte, i) => value * 256 + (i === 0 ? byte & 0x7f : byte), 0);
  const digits = textAt(block, at, length).trim();
  return /^[0-7]+$/.test(digits) ? parseInt(digits, 8) : digits === '' ? 0 : NaN;
}
