// The store of region features: round trips, and errors for damage.
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { packFeatures } from '../../../src/features/store/pack.js';
import { openFeatureStore } from '../../../src/features/store/read.js';
import { openRegionFeatures } from '../../../src/features/open.js';
import { memorySource } from '../../../src/features/wrappers.js';
import { regionsWith } from '../../helpers/files/regions.js';
import { testWithData } from '../../helpers/files/shared-data.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

let folder = '';
beforeEach(() => {
  folder = temporaryFolder();
});
const bytesOf = (values: Float32Array): Buffer => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

describe('feature store', () => {
  testWithData(
    'holds real features bit for bit, or as half floats in half the size',
    ['region_features/lxmert_tsv/train2014_obj36.tsv'],
    async (tsv) => {
      copyFileSync(tsv, join(folder, 'f.tsv'));
      const source = await openRegionFeatures(join(folder, 'f.tsv'));
      await packFeatures(source, join(folder, 'full.vbf'));
      await packFeatures(source, join(folder, 'half.vbf'), { half: true });
      const [full, half] = await Promise.all([
        openFeatureStore(join(folder, 'full.vbf')),
        openRegionFeatures(join(folder, 'half.vbf')),
      ]);
      expect([...full.ids()]).toEqual([...source.ids()]);
      for (const id of source.ids()) {
        const [a, b, c] = await Promise.all([source.read(id), full.read(id), half.read(id)]);
        expect(bytesOf(b.features).equals(bytesOf(a.features))).toBe(true); // toEqual would take a second for each
        expect({ ...b, features: 0 }).toEqual({ ...a, features: 0 });
        expect(c.boxes).toEqual(a.boxes);
        const worst = a.features.reduce(
          (most, value, i) =>
            Math.max(most, Math.abs((c.features[i] as number) - value) / Math.max(Math.abs(value), 2 ** -14)),
          0,
        );
        expect(worst).toBeLessThanOrEqual(2 ** -11);
      }
      expect(statSync(join(folder, 'half.vbf')).size).toBeLessThan(0.51 * statSync(join(folder, 'full.vbf')).size);
      await Promise.all([source.close(), full.close(), half.close()]);
    },
  );

  test('rounds to the nearest half float, ties to even, and refuses what does not fit', async () => {
    const values = [
      1,
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
      -0.1,
      2 ** -24,
      2 ** -25,
      3 * 2 ** -25,
      65504,
      65519,
      2 ** -14,
      0.00006,
    ];
    const path = join(folder, 'half.vbf');
    await packFeatures(memorySource('values', [['1', regionsWith(values, 11)]]), path, { half: true });
    const store = await openFeatureStore(path);
    // numpy: np.float16(values)
    const expected = [
      1,
      1,
      1.001953125,
      -0.0999755859375,
      2 ** -24,
      0,
      2 ** -23,
      65504,
      65504,
      2 ** -14,
      0.00006002187728881836,
    ];
    expect([...(await store.read('1')).features]).toEqual(expected);
    await store.close();
    await expect(
      packFeatures(memorySource('values', [['1', regionsWith([65520], 1)]]), path, { half: true }),
    ).rejects.toThrow('image 1: value 65520 does not fit');
  });

  test('tells damage: a changed byte, a cut, another file', async () => {
    const path = join(folder, 's.vbf');
    await packFeatures(
      memorySource('values', [
        ['1', regionsWith([1, 2], 2)],
        ['2', regionsWith([3, 4], 2)],
      ]),
      path,
    );
    const bytes = readFileSync(path);
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const store = await openFeatureStore(path);
    await expect(store.read('2')).rejects.toThrow('image 2: the checksum is wrong');
    expect([...(await store.read('1')).features]).toEqual([1, 2]);
    await store.close();
    truncateSync(path, bytes.length - 5);
    await expect(openFeatureStore(path)).rejects.toThrow('is cut short');
    writeFileSync(path, 'x'.repeat(100));
    await expect(openFeatureStore(path)).rejects.toThrow('is not a store of region features');
  });

  test('reads an image out of 80 GB as fast as out of a small store: only its own bytes', async () => {
    const path = join(folder, 'large.vbf');
    const [gap, dim] = [80 * 2 ** 30, 4];
    await packFeatures(memorySource('values', [['1', regionsWith([1, 2, 3, 4], dim)]]), path);
    const small = readFileSync(path);
    // The same index behind a hole of 80 GB: the record of image 1 stays where it was.
    const tail = Buffer.from(small.subarray(small.length - 28));
    const indexStart = tail.readDoubleLE(0);
    tail.writeDoubleLE(indexStart + gap, 0);
    const file = await open(path, 'w');
    await file.write(small, 0, indexStart, 0);
    await file.write(small, indexStart, small.length - 28 - indexStart, indexStart + gap);
    await file.write(tail, 0, 28, small.length - 28 + gap);
    await file.close();
    const before = process.memoryUsage().arrayBuffers;
    const store = await openFeatureStore(path);
    for (let i = 0; i < 200; i++) expect((await store.read('1')).count).toBe(1);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 2 ** 20);
    await store.close();
  });
});
