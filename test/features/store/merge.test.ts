// Parts of a store: packed, merged to the bytes of the whole store, and errors for parts of different stores.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { mergeStores } from '../../../src/features/store/merge.js';
import { packFeatures, type PackOptions } from '../../../src/features/store/pack.js';
import { isFeatureStore } from '../../../src/features/store/read.js';
import type { StoredDetector } from '../../../src/features/detector-identity.js';
import { memorySource } from '../../../src/features/wrappers.js';
import { regionsOfImage } from '../../helpers/models/pipeline-models.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const root = temporaryFolder();

const IDS = ['1', '2', '3', '4', '5', '6', '7'];
const images = memorySource(
  'images',
  IDS.map((id, i) => [id, regionsOfImage(i, 2 + i)] as const),
);

/** Packs images, or a part of them, and gives the path. */
async function pack(name: string, options: PackOptions = {}): Promise<string> {
  const path = join(root, `${name}.vbf`);
  await packFeatures(images, path, options);
  return path;
}

const parts: string[] = [];
beforeAll(async () => {
  for (const index of [1, 2, 3]) parts.push(await pack(`part-${index}`, { shard: { index, count: 3 } }));
});

test.each([false, true])('parts of a store with half floats %p are merged to the bytes of one', async (half) => {
  const made: string[] = [];
  for (const index of [2, 1]) made.push(await pack(`of-two-${index}-${half}`, { half, shard: { index, count: 2 } }));
  const merged = join(root, `merged-${half}.vbf`);
  expect(await mergeStores(made, merged)).toBe(7);
  expect(readFileSync(merged).equals(readFileSync(await pack(`whole-${half}`, { half })))).toBe(true);
});

const merge = (paths: readonly string[]): Promise<number> => mergeStores(paths, join(root, 'refused.vbf'));

test('parts that are missing, there twice, or of another division are named', async () => {
  const [first = '', second = '', third = ''] = parts;
  await expect(merge([third, first])).rejects.toThrow('missing part 2/3');
  await expect(merge([first])).rejects.toThrow('missing part 2/3, 3/3');
  await expect(merge([first, second, second, third])).rejects.toThrow(`${second} and ${second}: both are part 2/3`);
  const half = await pack('half', { shard: { index: 1, count: 2 } });
  await expect(merge([first, half])).rejects.toThrow(`${half}: is part 1/2, ${first} is one of 3`);
  await expect(mergeStores(parts, join(root, 'all.npz'))).rejects.toThrow('give it a name that ends in .vbf');
  await expect(merge([])).rejects.toThrow('received none');
});

test('stores that do not belong together are refused', async () => {
  const [first = '', second = '', third = ''] = parts;
  await expect(merge([await pack('whole')])).rejects.toThrow('is a whole store, not a part made with --shard');
  const small = await pack('small', { half: true, shard: { index: 3, count: 3 } });
  await expect(merge([first, second, small])).rejects.toThrow('its dtype is "float16", that of');
  const again = await pack('again', { ids: ['1'], shard: { index: 1, count: 1 } });
  await expect(merge([again, first])).rejects.toThrow('is part 1/3');
  for (const [ids, what] of [
    [['5', '6', '7'], `is a part of 3 images, ${first} of 7`],
    [['1', '2', '3', '5', '4', '6', '7'], `is a part of other images than ${first}, although both are of 7`],
  ] as const) {
    const other = await pack('other-list', { ids, shard: { index: 3, count: 3 } });
    await expect(merge([first, second, other])).rejects.toThrow(`${other}: ${what}; make all parts from the same`);
  }
  const damaged = join(root, 'damaged.vbf');
  writeFileSync(damaged, readFileSync(third).fill(1, 20, 24));
  await expect(merge([first, second, damaged])).rejects.toThrow(/damaged\.vbf, image \d: the checksum is wrong/);
  await expect(pack('many', { shard: { index: 1, count: 8 } })).rejects.toThrow('expected at most 7 parts of 7 images');
});

test('a store is known by its first bytes', async () => {
  const other = join(root, 'other');
  writeFileSync(other, 'x');
  expect([await isFeatureStore(parts[0] ?? ''), await isFeatureStore(other)]).toEqual([true, false]);
});

test('of parts of two detectors only what differs is named', async () => {
  const settings = { classes: 10, minSize: 600, maxSize: 1000 };
  const packOf = async (name: string, index: number, detector: StoredDetector): Promise<string> => {
    const path = join(root, `${name}.vbf`);
    await packFeatures({ ...images, detector }, path, { shard: { index, count: 2 } });
    return path;
  };
  const first = await packOf('by-one', 1, { name: 'mmf-x101', weights: '12345678aaaa', settings });
  const other = await packOf('by-other', 2, {
    name: null,
    weights: '87654321aaaa',
    settings: { ...settings, classes: 7 },
  });
  await expect(merge([first, other])).rejects.toThrow(
    `${other}: its detector is a detector with the weights 87654321, that of ${first} mmf-x101 with the weights 12345678; make`,
  );
  const changed = { name: 'mmf-x101', weights: '12345678aaaa', settings: { ...settings, minSize: 800 } };
  const resized = await packOf('by-resized', 2, changed);
  await expect(merge([first, resized])).rejects.toThrow(
    `${resized}: its setting minSize is 800, that of ${first} 600; make all parts in the same way`,
  );
});
