// Unusable images: errors that name image and region, or left out, counted and listed.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DataError } from '../../src/errors.js';
import { withoutBadImages } from '../../src/features/bad-images.js';
import { openRegionFeatures } from '../../src/features/open.js';
import type { RegionFeatures, RegionFeatureSource } from '../../src/features/region-features.js';
import { packFeatures } from '../../src/features/store/pack.js';
import { memorySource } from '../../src/features/wrappers.js';
import { npy, npz } from '../helpers/files/numpy-files.js';
import { regionsWith } from '../helpers/files/regions.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

let folder = '';
beforeEach(() => {
  folder = temporaryFolder();
});

const base64 = (values: number[]): string => Buffer.from(Float32Array.from(values).buffer).toString('base64');

async function errorOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DataError);
  return (error as DataError).message;
}

describe('reading an image', () => {
  const good = regionsWith([1, 2, 3, 4, 5, 6], 3, { boxes: Float32Array.of(0, 0, 1, 1, 2, 2, 3, 3), imageWidth: 5, imageHeight: 4 }); // prettier-ignore
  const read = (image: RegionFeatures): Promise<RegionFeatures> => memorySource('m', [['7', image]]).read('7');

  test.each([Number.NaN, Infinity, -Infinity])('names file, image and region of %p', async (value) => {
    for (let at = 0; at < 6; at++) {
      const features = good.features.slice();
      features[at] = value;
      expect(await errorOf(read({ ...good, features }))).toContain(
        `m, image 7, region ${Math.floor(at / 3)}: expected finite numbers, found ${value} in its features (value ${at % 3})`,
      );
    }
  });

  test('names boxes and sizes that are not numbers, and images without a region', async () => {
    const boxes = Float32Array.of(0, 0, 1, 1, 2, 2, Number.NaN, 3);
    expect(await errorOf(read({ ...good, boxes }))).toContain(
      'image 7, region 1: expected finite numbers, found NaN in its box (value 2)',
    );
    expect(await errorOf(read({ ...good, imageWidth: 0 }))).toContain('the size of its picture in pixels, found 0 x 4');
    expect(await errorOf(read({ ...good, imageHeight: Number.NaN }))).toContain('found 5 x NaN');
    expect(await errorOf(read(regionsWith([], 3, { count: 0 })))).toContain('m, image 7: holds no regions');
  });

  test('takes the largest finite numbers, whose sum is beyond float32', async () => {
    const features = new Float32Array(6).fill(3.4028234663852886e38);
    expect((await read({ ...good, features })).features).toBe(features);
  });

  test.each(['1.npy', '1.npz', 'features.tsv', 'features.vbf'])('checks %s', async (name) => {
    const path = join(folder, name);
    const values = [1, 2, 3, Number.NaN];
    if (name.endsWith('.npy')) writeFileSync(path, npy(values, [2, 2]));
    if (name.endsWith('.npz')) writeFileSync(path, npz({ 'x.npy': npy(values, [2, 2]) }));
    if (name.endsWith('.tsv'))
      writeFileSync(path, `1\t9\t9\t2\t${base64([0, 0, 1, 1, 0, 0, 1, 1])}\t${base64(values)}\n`);
    if (name.endsWith('.vbf')) {
      const unchecked = { ...memorySource('m', [['1', regionsWith([1, 2, 3, 4], 2)]]), read: async () => regionsWith(values, 2) }; // prettier-ignore
      await packFeatures(unchecked, path);
    }
    const source = await openRegionFeatures(/1\.np/.test(name) ? folder : path);
    expect(await errorOf(source.read('1'))).toMatch(/, image 1, region 1: expected finite numbers, found NaN/);
    await source.close();
  });

  test('names image and file where the system or a library names neither', async () => {
    const path = join(folder, 'f');
    const source = await openRegionFeatures(writeFolder(path));
    rmSync(join(path, '2.npy'));
    expect(await errorOf(source.read('2'))).toMatch(/image 2: .*2\.npy: cannot be read: no such file/);
  });
});

/** Images 1 to 4, of which 3 has an infinite feature. */
function writeFolder(path: string): string {
  const entries = [1, 2, 3, 4].map((image) => [`${image}.npy`, npy([image, image === 3 ? Infinity : 0], [1, 2])] as const); // prettier-ignore
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
  for (const [name, bytes] of entries) writeFileSync(join(path, name), bytes);
  return path;
}

describe('leaving bad images out', () => {
  test('counts and lists them, and keeps the others', async () => {
    const path = writeFolder(join(folder, 'f'));
    writeFileSync(join(path, '4.npy'), 'no array');
    const progress: number[][] = [];
    const source = await withoutBadImages(await openRegionFeatures(path), { onImage: (...at) => progress.push(at) });
    expect([...source.ids()]).toEqual(['1', '2']);
    expect(['1', '2', '3', '4', '5'].map((id) => source.has(id))).toEqual([true, true, false, false, false]);
    expect(source.badImages.map(({ id }) => id)).toEqual(['3', '4']);
    expect(source.badImages[0]?.reason).toContain('image 3, region 0: expected finite numbers, found Infinity');
    expect(source.badImages[1]?.reason).toContain('4.npy: not a numpy .npy file');
    expect(progress.at(-1)).toEqual([4, 4]);
    expect((await source.read('COCO_val2014_000000000002')).features[0]).toBe(2);
    await expect(source.read('3')).rejects.toThrow('found Infinity');
  });

  test('reads only the images that are asked for, each once, in any spelling', async () => {
    const read: string[] = [];
    const inner = memorySource('m', ['1', '2', '3'].map((id) => [id, regionsWith([id === '2' ? Number.NaN : 1], 1)] as const)); // prettier-ignore
    const counted = { ...inner, read: (id: string) => (read.push(id), inner.read(id)) };
    const source = await withoutBadImages(counted, { ids: ['2.jpg', '000002', '3', '99'] });
    expect(read).toEqual(['2.jpg', '3']);
    expect(source.badImages.map(({ id }) => id)).toEqual(['2.jpg']);
    expect([...source.ids()]).toEqual(['1', '3']);
  });

  test('opens files whose first images are bad', async () => {
    const path = writeFolder(join(folder, 'f'));
    writeFileSync(join(path, '1.npy'), npy([], [0, 2]));
    const source: RegionFeatureSource = await openRegionFeatures(path);
    expect(source.dim).toBe(2);
    expect((await withoutBadImages(source)).badImages.map(({ id }) => id)).toEqual(['1', '3']);
  });

  test('passes on errors that are not about the data', async () => {
    const broken = { ...memorySource('m', [['1', regionsWith([1], 1)]]), read: async () => Promise.reject(new TypeError('x')) }; // prettier-ignore
    await expect(withoutBadImages(broken)).rejects.toThrow(TypeError);
  });
});
