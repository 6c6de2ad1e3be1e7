// Reads a store of region features: its index when it is opened, then the bytes of one image at a time.
import { crc32 } from 'node:zlib';
import { openSource } from '#platform';
import type { ByteSource } from '../../byte-source.js';
import { toFloat32 } from '../../stored-dtype.js';
import { DataError } from '../../errors.js';
import { indexedSource } from '../indexed-source.js';
import { parseStoredDetector } from '../detector-identity.js';
import {
  openedWith,
  REGION_COLUMNS,
  type RegionColumn,
  type RegionFeatures,
  type RegionFeatureSource,
} from '../region-features.js';
import {
  isEntry,
  imageByteLength,
  STORE_MAGIC,
  type StoreEntry,
  type StoreForm,
  type StoreIndex,
  TAIL_BYTES,
} from './layout.js';
import { isDividedList } from './divided-list.js';
import { requirePath } from '../../options.js';
import { isShard } from '../../shard.js';

/** Enough for the ids of millions of images. */
const MAX_INDEX_BYTES = 1 << 30;

/**
 * Opens a store; only its index is read. Each image's checksum is compared when it is read.
 * @throws DataError when the file is not a store, is cut short or damaged.
 * @example
 * const store = await openFeatureStore('features.vbf');
 * [...store.ids()]; // ['1']
 * await store.close();
 */
export async function openFeatureStore(path: string): Promise<RegionFeatureSource> {
  requirePath('openFeatureStore', path);
  return openedWith(await openSource(path), async (source) => {
    const { images, ...form } = await readIndex(source);
    const { dim, detector, columns } = form;
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
      ...{ dim, detector, columns },
      ids,
      countOf: (row) => numbers[row * COLUMNS + 1],
      read: (row) => readEntry(source, entryOf(row), form),
      close: () => source.close(),
    });
  });
}

/**
 * Whether a file begins as a store does.
 * @throws DataError when it cannot be read
 * @example
 * await isFeatureStore('features.vbf'); // true
 */
export async function isFeatureStore(path: string): Promise<boolean> {
  requirePath('isFeatureStore', path);
  const source = await openSource(path);
  try {
    const bytes = STORE_MAGIC.byteLength;
    return source.size >= bytes && sameBytes(await source.read(0, bytes), STORE_MAGIC);
  } finally {
    await source.close();
  }
}

/** Columns of int32; the others are float32. */
const INTEGER_COLUMNS: ReadonlySet<RegionColumn> = new Set(['classes', 'attributes']);

/** Numbers per entry. */
const COLUMNS = 6;

/** The numbers of all entries in one array: half a million small arrays would slow down garbage collection during a run. */
function columnsOf(images: readonly StoreEntry[]): Float64Array {
  const numbers = new Float64Array(images.length * COLUMNS);
  images.forEach((entry, row) => numbers.set(entry.slice(1, 1 + COLUMNS) as number[], row * COLUMNS));
  return numbers;
}

/** The index of a store. @throws DataError for a file that is not a store, is cut short or damaged */
export async function readIndex(source: ByteSource): Promise<StoreIndex> {
  const fail = (what: string): DataError =>
    new DataError(`${source.name}: ${what}; pack it again with \`visualbert features pack\``);
  if (source.size < STORE_MAGIC.byteLength + TAIL_BYTES) throw fail('is not a store of region features');
  const head = await source.read(0, STORE_MAGIC.byteLength);
  if (!sameBytes(head, STORE_MAGIC)) throw fail('is not a store of region features');
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
  const index = parseIndex(new TextDecoder().decode(bytes));
  if (index === null) throw fail('its index is damaged');
  return index;
}

/** Null for anything but an index. */
function parseIndex(json: string): StoreIndex | null {
  try {
    const { dim, dtype, images, columns = [], detector: stored, shard, list } = JSON.parse(json) as StoreIndex;
    const isIndex =
      Number.isSafeInteger(dim) && dim > 0 && ['float16', 'float32'].includes(dtype) && areColumns(columns);
    if (!isIndex || !Array.isArray(images) || !images.every(isEntry)) return null;
    const detector = parseStoredDetector(stored);
    return {
      ...{ dim, dtype, images },
      ...(columns.length > 0 && { columns }),
      ...(detector !== null && { detector }),
      ...(isShard(shard) && { shard }),
      ...(isDividedList(list) && { list }),
    };
  } catch {
    return null;
  }
}

/** Whether a value read from JSON lists columns, each once. */
function areColumns(value: unknown): value is RegionColumn[] {
  return (
    Array.isArray(value) &&
    new Set(value).size === value.length &&
    value.every((name) => (REGION_COLUMNS as readonly unknown[]).includes(name))
  );
}

async function readEntry(source: ByteSource, entry: StoreEntry, form: StoreForm): Promise<RegionFeatures> {
  const { dim, dtype, columns = [] } = form;
  const [id, offset, count, imageWidth, imageHeight, hasBoxes, checksum] = entry;
  const stored = new Uint8Array(imageByteLength(entry, form));
  const columnBytes = stored.byteLength - columns.length * count * 4;
  const featureBytes = columnBytes - hasBoxes * count * 16;
  await source.readInto(stored, offset);
  if (crc32(stored) !== checksum)
    throw new DataError(`${source.name}, image ${id}: the checksum is wrong; the store is damaged, pack it again`);
  const features =
    dtype === 'float16' ? new Float32Array(count * dim) : new Float32Array(stored.buffer, 0, count * dim);
  if (dtype === 'float16') toFloat32('F16', stored.subarray(0, featureBytes), features);
  return {
    features,
    count,
    dim,
    ...(hasBoxes === 1 ? { boxes: new Float32Array(stored.slice(featureBytes, columnBytes).buffer) } : {}),
    ...Object.fromEntries(
      columns.map((name, i) => {
        const bytes = stored.slice(columnBytes + i * count * 4, columnBytes + (i + 1) * count * 4);
        return [name, INTEGER_COLUMNS.has(name) ? new Int32Array(bytes.buffer) : new Float32Array(bytes.buffer)];
      }),
    ),
    ...(imageWidth > 0 ? { imageWidth, imageHeight } : {}),
  };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);
}
