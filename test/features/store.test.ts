// The store of region features, and conversions between formats.
import { copyFileSync, mkdtempSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { createSink } from '#platform';
import { writeWhole } from '../../src/byte-sink.js';
import { writeSafetensors } from '../../src/checkpoint/safetensors.js';
import { openFeatureStore, packFeatures } from '../../src/features/store.js';
import { inspectFeatures, writeNpyFolder, writeTsvFeatures } from '../../src/features/tools.js';
import { openRegionFeatures } from '../../src/features/open.js';
import { joinSources, memorySource } from '../../src/features/wrappers.js';
import { npy, writeFeatureFolder } from '../helpers/numpy-files.js';
import { testWithData } from '../helpers/shared-data.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'store-'));
});
const regions = (values: number[], dim: number): { features: Float32Array; count: number; dim: number } => ({
  features: Float32Array.from(values),
  count: values.length / dim,
  dim,
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
    await packFeatures(memorySource('values', [['1', regions(values, 11)]]), path, { half: true });
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
      packFeatures(memorySource('values', [['1', regions([65520], 1)]]), path, { half: true }),
    ).rejects.toThrow('image 1: value 65520 does not fit');
  });

  test('tells damage: a changed byte, a cut, another file', async () => {
    const path = join(folder, 's.vbf');
    await packFeatures(
      memorySource('values', [
        ['1', regions([1, 2], 2)],
        ['2', regions([3, 4], 2)],
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
    await expect(openFeatureStore(path)).rejects.toThrow('is no store of region features');
  });

  test('reads an image out of 80 GB as fast as out of a small store: only its own bytes', async () => {
    const path = join(folder, 'large.vbf');
    const [gap, dim] = [80 * 2 ** 30, 4];
    await packFeatures(memorySource('values', [['1', regions([1, 2, 3, 4], dim)]]), path);
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

describe('feature tools', () => {
  test('convert to .npy and .tsv and back without a change', async () => {
    const source = await openRegionFeatures(writeFeatureFolder(join(folder, 'a'), ['x', 'y'], 3, 2));
    await writeNpyFolder(source, join(folder, 'b'));
    expect(readFileSync(join(folder, 'b', 'y.npy'))).toEqual(npy([100, 101, 110, 111, 120, 121], [3, 2]));
    await expect(writeNpyFolder(memorySource('m', [['../../y', regions([1], 1)]]), join(folder, 'b'))).rejects.toThrow(
      'm: image ../../y cannot be the name of a file',
    );
    await expect(writeTsvFeatures(source, join(folder, 'c.tsv'))).rejects.toThrow(
      'a .tsv needs boxes and the image size',
    );
    const placed = {
      ...regions([1, 2, 3, 4], 2),
      boxes: Float32Array.of(0, 0, 1, 1, 2, 2, 3, 3),
      imageWidth: 5,
      imageHeight: 4,
    };
    await writeTsvFeatures(memorySource('m', [['z', placed]]), join(folder, 'c.tsv'));
    const back = await openRegionFeatures(join(folder, 'c.tsv'));
    expect(await back.read('z')).toEqual(placed);
    await back.close();
  });

  test('read a .safetensors of images with boxes and sizes', async () => {
    const path = join(folder, 'f.safetensors');
    const tensor = (
      name: string,
      shape: number[],
      values: number[],
    ): Parameters<typeof writeSafetensors>[1] extends Iterable<infer T> ? T : never => ({
      name,
      dtype: 'F32',
      shape,
      bytes: () => bytesOf(Float32Array.from(values)),
    });
    const write = async (...tensors: ReturnType<typeof tensor>[]): Promise<void> =>
      writeWhole(await createSink(path), async (sink) => void (await writeSafetensors(sink, tensors)));
    await write(
      tensor('17', [2, 2], [1, 2, 3, 4]),
      tensor('17.boxes', [2, 4], [0, 0, 1, 1, 2, 2, 3, 3]),
      tensor('17.size', [2], [5, 4]),
      tensor('9', [1, 2], [7, 8]),
    );
    const source = await openRegionFeatures(path);
    expect([...source.ids()].sort()).toEqual(['17', '9']);
    const placed = {
      ...regions([1, 2, 3, 4], 2),
      boxes: Float32Array.of(0, 0, 1, 1, 2, 2, 3, 3),
      imageWidth: 5,
      imageHeight: 4,
    };
    expect(await source.read('COCO_val2014_000000000017')).toEqual(placed);
    expect(await source.read('9')).toEqual(regions([7, 8], 2));
    await source.close();
    await write(tensor('1', [2], [1, 2]));
    await expect(openRegionFeatures(path)).rejects.toThrow('expected 1 as [regions, d], found [2]');
  });

  test('describe more images than a function takes arguments', async () => {
    const ids = Array.from({ length: 200_000 }, (_, i) => String(i));
    const source = { name: 'many', dim: 3, ids: () => ids, has: () => true, read: async () => regions([1, 2, 3], 3), close: async () => undefined }; // prettier-ignore
    const report = await inspectFeatures(source, Infinity);
    expect(report).toMatchObject({ read: 200_000, regions: { min: 1, mean: 1, max: 1 } });
  });

  test('take an image that two files hold from the first', async () => {
    const first = memorySource('first', [['9', regions([1], 1)], ['COCO_train2014_000000000012', regions([2], 1)]]); // prettier-ignore
    const second = memorySource('second', [['12.jpg', regions([3], 1)], ['7', regions([4], 1)]]); // prettier-ignore
    const path = join(folder, 'joined.vbf');
    await packFeatures(joinSources([first, second]), path);
    const store = await openFeatureStore(path);
    expect([...store.ids()]).toEqual(['9', 'COCO_train2014_000000000012', '7']);
    expect([...(await store.read('12')).features]).toEqual([2]);
    await store.close();
  });

  test('describe features and name damaged images', async () => {
    const path = writeFeatureFolder(join(folder, 'a'), ['x', 'y'], 3, 2);
    writeFileSync(join(path, 'z.npy'), npy([1, Number.NaN], [1, 2]));
    writeFileSync(join(path, 'zz.npy'), 'no');
    const report = await inspectFeatures(await openRegionFeatures(path));
    expect(report).toMatchObject({
      images: 4,
      dim: 2,
      read: 2,
      regions: { min: 3, mean: 3, max: 3 },
      withBoxes: 0,
    });
    expect(report.problems).toEqual([
      `${path}, image z, region 0: expected finite numbers, found NaN in its features (value 1); extract the image again, or leave such images out with --skip-bad-images`,
      expect.stringContaining('zz.npy: no numpy .npy file'),
    ]);
  });
});
