// Inspecting region features, and writing them in other formats.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { createSink } from '#platform';
import { writeWhole } from '../../src/byte-sink.js';
import { writeSafetensors } from '../../src/checkpoint/safetensors.js';
import { packFeatures } from '../../src/features/store/pack.js';
import { openFeatureStore } from '../../src/features/store/read.js';
import { inspectFeatures, writeNpyFolder, writeTsvFeatures } from '../../src/features/tools.js';
import { openRegionFeatures } from '../../src/features/open.js';
import type { RegionFeatures } from '../../src/features/region-features.js';
import { joinSources, memorySource } from '../../src/features/wrappers.js';
import { npy, writeFeatureFolder } from '../helpers/files/numpy-files.js';
import { regionsWith } from '../helpers/files/regions.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

let folder = '';
beforeEach(() => {
  folder = temporaryFolder();
});
const bytesOf = (values: Float32Array): Buffer => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

describe('feature tools', () => {
  test('convert to .npy and .tsv and back without a change', async () => {
    const source = await openRegionFeatures(writeFeatureFolder(join(folder, 'a'), ['x', 'y'], 3, 2));
    await writeNpyFolder(source, join(folder, 'b'));
    expect(readFileSync(join(folder, 'b', 'y.npy'))).toEqual(npy([100, 101, 110, 111, 120, 121], [3, 2]));
    await expect(
      writeNpyFolder(memorySource('m', [['../../y', regionsWith([1], 1)]]), join(folder, 'b')),
    ).rejects.toThrow('m: image ../../y cannot be the name of a file');
    await expect(writeTsvFeatures(source, join(folder, 'c.tsv'))).rejects.toThrow(
      'a .tsv needs boxes and the image size',
    );
    const placed = {
      ...regionsWith([1, 2, 3, 4], 2),
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
      ...regionsWith([1, 2, 3, 4], 2),
      boxes: Float32Array.of(0, 0, 1, 1, 2, 2, 3, 3),
      imageWidth: 5,
      imageHeight: 4,
    };
    expect(await source.read('COCO_val2014_000000000017')).toEqual(placed);
    expect(await source.read('9')).toEqual(regionsWith([7, 8], 2));
    await source.close();
    await write(tensor('1', [2], [1, 2]));
    await expect(openRegionFeatures(path)).rejects.toThrow(
      'image 1: expected features as [regions, d] or a grid of them, found [2]',
    );
  });

  test('describe more images than a function takes arguments', async () => {
    const ids = Array.from({ length: 200_000 }, (_, i) => String(i));
    const source = { name: 'many', dim: 3, ids: () => ids, has: () => true, read: async () => regionsWith([1, 2, 3], 3), close: async () => undefined }; // prettier-ignore
    const report = await inspectFeatures(source, Infinity);
    expect(report).toMatchObject({ read: 200_000, regions: { min: 1, mean: 1, max: 1 } });
  });

  test('take an image that two files hold from the first', async () => {
    const first = memorySource('first', [['9', regionsWith([1], 1)], ['COCO_train2014_000000000012', regionsWith([2], 1)]]); // prettier-ignore
    const second = memorySource('second', [['12.jpg', regionsWith([3], 1)], ['7', regionsWith([4], 1)]]); // prettier-ignore
    const path = join(folder, 'joined.vbf');
    await packFeatures(joinSources([first, second]), path);
    const store = await openFeatureStore(path);
    expect([...store.ids()]).toEqual(['9', 'COCO_train2014_000000000012', '7']);
    expect([...(await store.read('12')).features]).toEqual([2]);
    await store.close();
  });

  test('name boxes that cannot belong to their picture', async () => {
    const image = (...box: number[]): RegionFeatures =>
      regionsWith([1], 1, { boxes: Float32Array.from(box), imageWidth: 40, imageHeight: 30 });
    const images: [string, RegionFeatures][] = [
      ['inside', image(0, 0, 40, 30)],
      ['by a pixel', image(-1, -0.5, 41, 31)],
      ['wide', image(0, 0, 42, 30)],
      ['turned', image(20, 5, 10, 20)],
      ['unsized', { ...regionsWith([1], 1), boxes: Float32Array.of(0, 0, 1e4, 1e4) }],
    ];
    expect((await inspectFeatures(memorySource('m', images))).problems).toEqual([
      'm, image wide: region 0: the box [0, 0, 42, 30] cannot belong to its picture of 40 x 30 pixels; expected x1, y1, x2, y2 in pixels',
      'm, image turned: region 0: the box [20, 5, 10, 20] cannot belong to its picture of 40 x 30 pixels; expected x1, y1, x2, y2 in pixels',
    ]);
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
      `features folder ${path}, image z, region 0: expected finite numbers, found NaN in its features (value 1); extract the image again`,
      expect.stringContaining('zz.npy: not a numpy .npy file'),
    ]);
  });
});
