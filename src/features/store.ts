// The package's own store of region features: one file, random access, optional half floats, a checksum for each image.
//
// Layout: 8 bytes of magic; for each image its features [count, dim] (float16 or float32, little endian), then boxes [count, 4] float32;
// an index in JSON; 28 bytes of tail (offset and length of the index as float64, its CRC-32, magic).
import { crc32 } from 'node:zlib';
import { createSink, openSource } from '#platform';
import { writeWhole } from '../byte-sink.js';
import type { ByteSource } from '../byte-source.js';
import { DataError } from '../errors.js';
import { halfToFloat } from '../formats/npy.js';
import { indexedSource } from './indexed-source.js';
import { MAX_REGIONS_IN_FILE, openedWith, type RegionFeatures, type RegionFeatureSource } from './region-features.js';

/** The usual ending of a store. */
export const STORE_EXTENSION = '.vbf';

/** What a store begins and ends with. */
export const STORE_MAGIC = new TextEncoder().encode('VBFEAT1\n');
const TAIL_BYTES = 28;
const MAX_INDEX_BYTES = 1 << 30;

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

/** What the index of a store says. */
export interface StoreIndex {
  dim: number;
  dtype: 'float16' | 'float32';
  images: StoreEntry[];
}

export interface PackOptions {
  /** Halves the size; values keep 11 bits. Default false. */
  half?: boolean;
  /** Images to take, in this order. Default all. */
  ids?: readonly string[];
  onImage?: (done: number, all: number) => void;
}

/**
 * Writes the features of a source into one store, image by image.
 * @throws DataError when an image is missing or a value does not fit a half float.
 */
export async function packFeatures(
  source: RegionFeatureSource,
  path: string,
  { half = false, ids, onImage }: PackOptions = {},
): Promise<void> {
  const wanted = ids ?? [...source.ids()];
  const index: StoreIndex = { dim: source.dim, dtype: half ? 'float16' : 'float32', images: [] };
  await writeWhole(await createSink(path), async (sink) => {
    let offset = STORE_MAGIC.byteLength;
    await sink.write(STORE_MAGIC);
    for (const id of wanted) {
      const [record, entry] = storeRecord(id, await source.read(id), { offset, dtype: index.dtype, name: source.name });
      index.images.push(entry);
      await sink.write(record);
      offset += record.byteLength;
      onImage?.(index.images.length, wanted.length);
    }
    await sink.write(storeEnd(index, offset));
  });
}

/** The bytes of one image at `offset` of a store, and what the index says of them. @throws DataError when a value does not fit a half float. */
export function storeRecord(
  id: string,
  { features, count, boxes, imageWidth = 0, imageHeight = 0 }: RegionFeatures,
  { offset, dtype, name }: { offset: number; dtype: StoreIndex['dtype']; name: string },
): readonly [record: Uint8Array, entry: StoreEntry] {
  const values = dtype === 'float16' ? bytesOf(toHalf(features, `${name}, image ${id}`)) : bytesOf(features);
  const record = boxes === undefined ? values : Buffer.concat([values, bytesOf(boxes)]);
  return [record, [id, offset, count, imageWidth, imageHeight, boxes === undefined ? 0 : 1, crc32(record)]];
}

/** Bytes of an image of a store. */
export function recordBytes(
  [, , count, , , boxes]: StoreEntry,
  { dim, dtype }: Pick<StoreIndex, 'dim' | 'dtype'>,
): number {
  return count * dim * (dtype === 'float16' ? 2 : 4) + boxes * count * 16;
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

/**
 * Opens a store; only its index is read. Each image's checksum is compared when it is read.
 * @throws DataError when the file is no store, is cut short or damaged.
 */
export async function openFeatureStore(path: string): Promise<RegionFeatureSource> {
  return openedWith(await openSource(path), async (source) => {
    const { dim, dtype, images } = await readIndex(source);
    const ids = images.map(([id]) => id);
    const numbers = columnsOf(images);
    const entryOf = (row: number): StoreEntry => {
      const [offset = 0, count = 0, width = 0, height = 0, boxes = 0, checksum = 0] = numbers.subarray(
        row * COLUMNS,
        (row + 1) * COLUMNS,
      );
      return [ids[row] ?? '', offset, count, width, height, boxes === 1 ? 1 : 0, checksum];
    };
    return indexedSource({
      name: path,
      dim,
      ids,
      countOf: (row) => numbers[row * COLUMNS + 1],
      read: (row) => readEntry(source, entryOf(row), dim, dtype),
      close: () => source.close(),
    });
  });
}

/** Numbers of an entry. */
const COLUMNS = 6;

/** The numbers of all entries in one array: half a million small ones would keep the garbage collector busy while a run reads. */
function columnsOf(images: readonly StoreEntry[]): Float64Array {
  const numbers = new Float64Array(images.length * COLUMNS);
  images.forEach((entry, row) => numbers.set(entry.slice(1, 1 + COLUMNS) as number[], row * COLUMNS));
  return numbers;
}

async function readIndex(source: ByteSource): Promise<StoreIndex> {
  const fail = (what: string): DataError =>
    new DataError(`${source.name}: ${what}; pack it again with \`visualbert features pack\``);
  if (source.size < STORE_MAGIC.byteLength + TAIL_BYTES) throw fail('is no store of region features');
  const head = await source.read(0, STORE_MAGIC.byteLength);
  if (!sameBytes(head, STORE_MAGIC)) throw fail('is no store of region features');
  const tailBytes = await source.read(source.size - TAIL_BYTES, TAIL_BYTES);
  if (!sameBytes(tailBytes.subarray(20), STORE_MAGIC)) throw fail('is cut short');
  const tail = new DataView(tailBytes.buffer, tailBytes.byteOffset, TAIL_BYTES);
  const [offset, length] = [tail.getFloat64(0, true), tail.getFloat64(8, true)];
  if (!(
    offset >= STORE_MAGIC.byteLength &&
    length > 0 &&
    length <= MAX_INDEX_BYTES &&
    offset + length + TAIL_BYTES === source.size
  )) {
    throw fail('its index is damaged');
  }
  const bytes = await source.read(offset, length);
  if (crc32(bytes) !== tail.getUint32(16, true)) throw fail('its index is damaged');
  const index = JSON.parse(new TextDecoder().decode(bytes)) as StoreIndex;
  if (!Array.isArray(index.images) || !index.images.every(Array.isArray)) throw fail('its index is damaged');
  return index;
}

async function readEntry(
  source: ByteSource,
  entry: StoreEntry,
  dim: number,
  dtype: StoreIndex['dtype'],
): Promise<RegionFeatures> {
  const [id, offset, count, imageWidth, imageHeight, hasBoxes, checksum] = entry;
  if (count > MAX_REGIONS_IN_FILE)
    throw new DataError(`${source.name}, image ${id}: claims ${count} regions; the store is damaged`);
  const record = new Uint8Array(recordBytes(entry, { dim, dtype }));
  const featureBytes = record.byteLength - hasBoxes * count * 16;
  await source.readInto(record, offset);
  if (crc32(record) !== checksum)
    throw new DataError(`${source.name}, image ${id}: the checksum is wrong; the store is damaged, pack it again`);
  const features =
    dtype === 'float16'
      ? fromHalf(new Uint16Array(record.buffer, 0, count * dim))
      : new Float32Array(record.buffer, 0, count * dim);
  return {
    features,
    count,
    dim,
    ...(hasBoxes === 1 ? { boxes: new Float32Array(record.slice(featureBytes).buffer) } : {}),
    ...(imageWidth > 0 ? { imageWidth, imageHeight } : {}),
  };
}

function bytesOf(values: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);
}

let halfValues: Float32Array | null = null;

/** Widens half floats through a table of all of them. */
function fromHalf(bits: Uint16Array): Float32Array {
  halfValues ??= Float32Array.from({ length: 1 << 16 }, (_, i) => halfToFloat(i));
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = halfValues[bits[i] as number] as number;
  return values;
}

/** The nearest half floats, ties to even. @throws DataError beyond 65504. */
function toHalf(values: Float32Array, where: string): Uint16Array {
  const bits = new Uint16Array(values.length);
  const float = new Float32Array(1);
  const word = new Uint32Array(float.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!(Math.abs(value) < 65520))
      throw new DataError(`${where}: value ${value} does not fit a half float; pack without --half`);
    const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
    const magnitude = Math.abs(value);
    if (magnitude < 2 ** -14) {
      bits[i] = sign | roundEven(magnitude * 2 ** 24); // subnormal
      continue;
    }
    float[0] = magnitude;
    const word32 = word[0] as number;
    bits[i] = sign | roundEven((word32 - 0x38000000) / 2 ** 13); // the exponent moves from bias 127 to 15
  }
  return bits;
}

function roundEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
