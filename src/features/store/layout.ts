// The package's own store of region features: one file, random access, optional half floats, a checksum for each image.
//
// Layout: 8 bytes of magic; for each image its features [count, dim] (float16 or float32, little endian), then boxes [count, 4] float32, then
// the columns that the index names [count] int32 or float32; an index in JSON; 28 bytes of tail (offset and length of the index as float64, its CRC-32, magic).
import { crc32 } from 'node:zlib';
import { fromFloat32 } from '../../stored-dtype.js';
import { DataError } from '../../errors.js';
import type { StoredDetector } from '../detector-identity.js';
import { requirePath } from '../../options.js';
import type { Shard } from '../../shard.js';
import type { DividedList } from './divided-list.js';
import { MAX_REGIONS_IN_FILE, type RegionColumn, type RegionFeatures } from '../region-features.js';

/** The usual extension of a store's file. */
export const STORE_EXTENSION = '.vbf';

/** @throws DataError when a store to be written would not be recognised by its name */
export function requireStorePath(owner: string, path: string): void {
  requirePath(`${owner}: output`, path);
  if (path.endsWith(STORE_EXTENSION)) return;
  throw new DataError(`${path}: a store of region features is written; give it a name that ends in ${STORE_EXTENSION}`);
}

/** First and last bytes of a store. */
export const STORE_MAGIC = new TextEncoder().encode('VBFEAT1\n');
/** Bytes after the index. */
export const TAIL_BYTES = 28;

/** id, offset, regions, width and height of the image (0: unknown), 1 when it has boxes, checksum. */
export type StoreEntry = readonly [
  id: string,
  offset: number,
  count: number,
  width: number,
  height: number,
  boxes: 0 | 1,
  checksum: number,
];

/** Whether a value read from JSON is an entry. */
export function isEntry(value: unknown): value is StoreEntry {
  if (!Array.isArray(value) || value.length !== 7) return false;
  const [id, offset, count, width, height, boxes, checksum] = value as unknown[];
  return (
    typeof id === 'string' &&
    [offset, count, checksum].every(isNatural) &&
    (count as number) <= MAX_REGIONS_IN_FILE &&
    Number.isFinite(width) &&
    Number.isFinite(height) &&
    (boxes === 0 || boxes === 1)
  );
}

function isNatural(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The index of a store. */
export interface StoreIndex {
  dim: number;
  dtype: 'float16' | 'float32';
  images: StoreEntry[];
  /** Columns of each region besides features and box, in the order of the bytes. Default: none. */
  columns?: readonly RegionColumn[] | undefined;
  /** The detector of the regions, if known. */
  detector?: StoredDetector | undefined;
  /** The part of all images that it holds, in a store for `visualbert merge`. */
  shard?: Shard | undefined;
  /** Of a part: the images that were divided. */
  list?: DividedList | undefined;
}

/** Properties shared by all images. */
export type StoreForm = Pick<StoreIndex, 'dim' | 'dtype' | 'columns'>;

/**
 * The bytes of one image at `offset` of a store, and its index entry.
 * @throws DataError when a value does not fit a half float, or a column is missing.
 */
export function encodeImage(
  id: string,
  regions: RegionFeatures,
  { offset, dtype, columns = [], name }: Omit<StoreForm, 'dim'> & { offset: number; name: string },
): readonly [bytes: Uint8Array, entry: StoreEntry] {
  const { features, count, boxes, imageWidth = 0, imageHeight = 0 } = regions;
  const values = dtype === 'float16' ? toHalf(features, `${name}, image ${id}`) : bytesOf(features);
  const more = columns.map((column) => {
    const all = regions[column];
    if (all === undefined)
      throw new DataError(`${name}, image ${id}: expected ${column} for its regions, as in the other images`);
    return bytesOf(all);
  });
  const parts = [values, ...(boxes === undefined ? [] : [bytesOf(boxes)]), ...more];
  const bytes = parts.length === 1 ? values : Buffer.concat(parts);
  return [bytes, [id, offset, count, imageWidth, imageHeight, boxes === undefined ? 0 : 1, crc32(bytes)]];
}

/** Number of bytes that a store has for one image. */
export function imageByteLength([, , count, , , boxes]: StoreEntry, { dim, dtype, columns = [] }: StoreForm): number {
  return count * (dim * (dtype === 'float16' ? 2 : 4) + boxes * 16 + columns.length * 4);
}

/** Index and tail of a store whose images end at `offset`. */
export function storeEnd(index: StoreIndex, offset: number): Uint8Array {
  const indexBytes = new TextEncoder().encode(JSON.stringify(index));
  const tail = new DataView(new ArrayBuffer(TAIL_BYTES));
  tail.setFloat64(0, offset, true);
  tail.setFloat64(8, indexBytes.byteLength, true);
  tail.setUint32(16, crc32(indexBytes), true);
  const bytes = Buffer.concat([indexBytes, new Uint8Array(tail.buffer)]);
  bytes.set(STORE_MAGIC, indexBytes.byteLength + 20);
  return bytes;
}

function bytesOf(values: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** The nearest half floats, ties to even. @throws DataError beyond 65504. */
function toHalf(values: Float32Array, where: string): Uint8Array {
  const tooLarge = values.find((value) => !(Math.abs(value) < 65520));
  if (tooLarge !== undefined)
    throw new DataError(`${where}: value ${tooLarge} does not fit a half float; pack without --half`);
  return fromFloat32('F16', values);
}
