// Writes the features of a source into one store.
import { createSink } from '#platform';
import { writeWhole } from '../../byte-sink.js';
import type { RegionFeatureSource } from '../region-features.js';
import { itemsOfShard, type Shard } from '../../shard.js';
import { counted } from '../../words.js';
import { dividedList } from './divided-list.js';
import { requireStorePath, STORE_MAGIC, storeEnd, type StoreIndex, encodeImage } from './layout.js';
import { requireKinds } from '../../options.js';

/** Options of `packFeatures`. */
export interface PackOptions {
  /** Halves the size; values keep 11 bits. Default false. */
  half?: boolean;
  /** Images to write, in this order. Default all. */
  ids?: readonly string[];
  /** Write only this part of them; `mergeStores` joins the parts. */
  shard?: Shard | undefined;
  onImage?: (done: number, all: number) => void;
}

/**
 * Writes the features of a source into one store, image by image, with its detector.
 * @throws DataError when an image is missing or a value does not fit a half float; ConfigError for an invalid shard
 * @example
 * await packFeatures(memorySource('regions', [['1', regions]]), 'packed.vbf', { half: true });
 */
export async function packFeatures(
  source: RegionFeatureSource,
  path: string,
  options: PackOptions = {},
): Promise<void> {
  requireKinds('packFeatures', { 'region features': { source }, 'an object': { options } });
  const { half = false, ids, shard, onImage } = options;
  requireStorePath('packFeatures', path);
  const all = ids ?? [...source.ids()];
  const wanted = shard === undefined ? all : itemsOfShard(all, shard, counted(all.length, 'image'));
  const { dim, detector, columns } = source;
  const index: StoreIndex = {
    ...{ dim, dtype: half ? 'float16' : 'float32', images: [] },
    ...(columns !== undefined && columns.length > 0 && { columns }),
    ...(detector !== undefined && { detector }),
    ...(shard !== undefined && { shard, list: dividedList(all) }),
  };
  await writeWhole(await createSink(path), async (sink) => {
    let offset = STORE_MAGIC.byteLength;
    await sink.write(STORE_MAGIC);
    for (const id of wanted) {
      const [bytes, entry] = encodeImage(id, await source.read(id), { ...index, offset, name: source.name });
      index.images.push(entry);
      await sink.write(bytes);
      offset += bytes.byteLength;
      onImage?.(index.images.length, wanted.length);
    }
    await sink.write(storeEnd(index, offset));
  });
}
