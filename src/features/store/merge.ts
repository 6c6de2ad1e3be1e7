// Joins the stores that several machines have made of one set of images: the result has the same bytes as a store made by one.
import { createSink, openSource } from '#platform';
import { crc32 } from 'node:zlib';
import { writeWhole } from '../../byte-sink.js';
import type { ByteSource } from '../../byte-source.js';
import { DataError } from '../../errors.js';
import { requireOptions, requirePaths } from '../../options.js';
import { inShardOrder, type Shard } from '../../shard.js';
import { differences } from './differences.js';
import { type DividedList, requireSameList } from './divided-list.js';
import {
  imageByteLength,
  requireStorePath,
  STORE_MAGIC,
  storeEnd,
  type StoreEntry,
  type StoreIndex,
} from './layout.js';
import { readIndex } from './read.js';

interface Part {
  readonly name: string;
  readonly source: ByteSource;
  readonly index: StoreIndex;
  readonly shard: Shard;
  readonly list: DividedList;
}

/**
 * Joins the stores of all parts (`--shard 1/4` to `--shard 4/4`), named in any order, into one. The parts stay as they are.
 * @returns how many images it holds.
 * @throws ConfigError when a part is missing or given twice; DataError for a store that is not a part, is a part of other images, has other
 * traits, or is damaged
 * @example
 * const given = { pictures: ['train2014.zip', 'val2014'], detector: 'mmf-x101' };
 * for (const index of [1, 2]) await extractFeatures({ ...given, output: `part-${index}.vbf`, shard: { index, count: 2 } });
 * await mergeStores(['part-1.vbf', 'part-2.vbf'], 'whole.vbf'); // 2 images
 */
export async function mergeStores(
  paths: readonly string[],
  output: string,
  options: { onImage?: (done: number, all: number) => void } = {},
): Promise<number> {
  requireOptions('mergeStores', options);
  const given = requirePaths('mergeStores', paths);
  requireStorePath('mergeStores', output);
  const { onImage } = options;
  const opened: Part[] = [];
  try {
    for (const path of given) opened.push(await openPart(path));
    const parts = inShardOrder(opened, ({ shard }) => shard);
    const [{ index: first }] = parts as [Part];
    for (const part of parts) {
      requireSameTraits(part, parts[0] as Part);
      requireSameList(part, parts[0] as Part);
    }
    const all = parts.reduce((sum, { index }) => sum + index.images.length, 0);
    await writeWhole(await createSink(output), async (sink) => {
      const { dim, dtype, columns, detector } = first;
      const images: StoreEntry[] = [];
      let offset = STORE_MAGIC.byteLength;
      await sink.write(STORE_MAGIC);
      for (const { name, source, index } of parts) {
        for (const entry of index.images) {
          const bytes = await source.read(entry[1], imageByteLength(entry, first));
          const [id, , ...rest] = entry;
          if (crc32(bytes) !== entry[6])
            throw new DataError(`${name}, image ${id}: the checksum is wrong; make this part again`);
          images.push([id, offset, ...rest]);
          await sink.write(bytes);
          offset += bytes.byteLength;
          onImage?.(images.length, all);
        }
      }
      await sink.write(storeEnd({ dim, dtype, images, columns, detector }, offset));
    });
    return all;
  } finally {
    await Promise.all(opened.map(({ source }) => source.close()));
  }
}

async function openPart(path: string): Promise<Part> {
  const source = await openSource(path);
  try {
    const index = await readIndex(source);
    const { shard, list } = index;
    if (shard !== undefined && list !== undefined) return { name: path, source, index, shard, list };
    throw new DataError(
      `${path}: is a whole store, not a part made with --shard; \`visualbert features pack\` joins stores of different images`,
    );
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** @throws DataError when two parts were made in different ways */
function requireSameTraits({ name, index }: Part, first: Part): void {
  const traits = ({ dim, dtype, columns = [], detector }: StoreIndex): object => ({ dim, dtype, columns, detector });
  const different = differences(traits(index), traits(first.index));
  if (different.length === 0) return;
  const text = different.map((one) => `its ${one.name} is ${one.here}, that of ${first.name} ${one.there}`).join('; ');
  throw new DataError(`${name}: ${text}; make all parts in the same way`);
}
