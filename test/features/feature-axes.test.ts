// Shapes of features: grids of either order, padded rows, lists. The files are made by fixtures/make_features.py.
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DataError } from '../../src/errors.js';
import { regionRows } from '../../src/features/feature-axes.js';
import { openRegionFeatures } from '../../src/features/open.js';
import type { RegionFeatureSource } from '../../src/features/region-features.js';
import { npy, npz } from '../helpers/files/numpy-files.js';
import { rampRegions } from '../helpers/files/regions.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const FIXTURES = join('test', 'fixtures', 'features');
const GRIDS = ['h5', 'mdb', 'pt', 'arrow'].flatMap((ending) => [`grid-first.${ending}`, `grid-last.${ending}`]);
const STATED = ['stated.h5', 'stated-groups.h5', 'stated.mdb', 'stated', 'stated.arrow'];

let folder = '';
beforeEach(() => {
  folder = temporaryFolder();
});

async function withFeatures(path: string, body: (source: RegionFeatureSource) => Promise<void>): Promise<void> {
  const source = await openRegionFeatures(path);
  await body(source).finally(() => source.close());
}

const array = (shape: number[]): Parameters<typeof regionRows>[0] => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) => i),
});

describe('grids', () => {
  test.each(GRIDS)('%s: the cells become regions row by row', (name) =>
    withFeatures(join(FIXTURES, name), async (source) => {
      expect(source.dim).toBe(8);
      for (const image of [0, 1]) {
        const { features, count, dim } = await source.read(String(image));
        expect([count, dim]).toEqual([12, 8]);
        expect(features).toEqual(rampRegions(image, 12, 8));
      }
      expect([12, undefined]).toContain(source.countOf?.('1'));
    }),
  );

  test('in the shapes of numpy: channels first and last, with a batch axis, of one row or column', () => {
    const first = (shape: number[]): number[] => [...regionRows(array(shape), {}, 'x').features.subarray(0, 3)];
    expect(first([1, 16, 4, 7])).toEqual([0, 28, 56]);
    expect(first([16, 4, 7])).toEqual([0, 28, 56]);
    expect(first([4, 7, 16])).toEqual([0, 1, 2]);
    expect(first([1, 4, 7, 16])).toEqual([0, 1, 2]);
    expect(first([16, 1, 7])).toEqual([0, 7, 14]);
    expect(regionRows(array([1, 1, 7, 16]), {}, 'x')).toMatchObject({ count: 7, dim: 16 });
    expect(regionRows(array([2048, 19, 29]), {}, 'x')).toMatchObject({ count: 551, dim: 2048 });
    expect(regionRows(array([1, 10, 5]), {}, 'x')).toMatchObject({ count: 10, dim: 5 });
  });

  test.each([[[16, 4, 16]], [[8, 8, 8]], [[8, 6, 7]], [[5, 16, 4]]])('%j may be either order: named', (shape) => {
    const error = (): unknown => regionRows(array(shape), {}, 'x.npy');
    expect(error).toThrow(DataError);
    expect(error).toThrow(
      `x.npy: [${shape.join(', ')}] may be ${shape[1]} x ${shape[2]} cells of ${shape[0]} channels`,
    );
  });

  test('whose order follows from the width, if it is one of the two', () => {
    expect(regionRows(array([8, 6, 7]), { dim: 8 }, 'x')).toMatchObject({ count: 42, dim: 8 });
    expect(regionRows(array([8, 6, 7]), { dim: 7 }, 'x')).toMatchObject({ count: 48, dim: 7 });
    expect(() => regionRows(array([16, 4, 16]), { dim: 16 }, 'x')).toThrow('may be 4 x 16 cells of 16 channels');
  });

  test("takes the width from the model, or from the file's other images", async () => {
    writeFileSync(join(folder, '1.npy'), npy(rampRegions(0, 6, 7), [2, 3, 7]));
    writeFileSync(join(folder, '2.npy'), npy(rampRegions(0, 48, 7), [6, 8, 7]));
    await withFeatures(folder, async (source) => {
      expect((await source.read('2')).features).toEqual(rampRegions(0, 48, 7));
    });
    rmSync(join(folder, '1.npy'));
    await expect(openRegionFeatures(folder)).rejects.toThrow('2.npy: [6, 8, 7] may be');
    const source = await openRegionFeatures(folder, { dim: 7 });
    expect([source.dim, (await source.read('2')).count]).toEqual([7, 48]);
    await source.close();
    writeFileSync(join(folder, '3.npy'), npy([1, 2], [1, 2]));
    rmSync(join(folder, '2.npy'));
    expect((await openRegionFeatures(folder, { dim: 7 })).dim).toBe(2); // the model's width is a hint, not a claim
  });
});

describe('padded rows', () => {
  test.each(STATED)('%s: the stated number of regions counts, and one beyond the rows is an error', (name) =>
    withFeatures(join(FIXTURES, name), async (source) => {
      for (const image of [0, 1]) {
        const { features, count, boxes } = await source.read(String(image));
        expect(count).toBe(2 + image);
        expect(features).toEqual(rampRegions(image, 2 + image, 5));
        expect(boxes).toEqual(Float32Array.from({ length: 4 * count }, (_, i) => Math.floor(i / 4) + [0, 0, 20, 30][i % 4]!)); // prettier-ignore
        expect([2 + image, undefined]).toContain(source.countOf?.(String(image)));
      }
      await expect(source.read('2')).rejects.toThrow(/2.*: states 7 regions, its features have 6 rows/);
    }),
  );

  test('of .npz, with boxes of all rows or of the real ones, with an info file or dict', async () => {
    const padded = npy([1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0], [3, 4]);
    const write = (id: string, entries: Record<string, Buffer>): void => writeFileSync(join(folder, id), npz(entries));
    write('1.npz', { 'x.npy': padded, 'num_bbox.npy': npy(Int32Array.of(2), [], '<i4') });
    write('2.npz', {
      'x.npy': padded,
      'bbox.npy': npy([0, 0, 1, 1, 0, 0, 2, 2], [2, 4]),
      'num_regions.npy': npy([2], [1]),
    });
    write('3.npz', { 'x.npy': padded, 'num_boxes.npy': npy([4], []) });
    write('4.npz', { 'x.npy': padded, 'num_boxes.npy': npy([1.5], []) });
    write('5.npz', { 'x.npy': padded, 'num_boxes.npy': npy([0], []) });
    await withFeatures(folder, async (source) => {
      for (const id of ['1', '2']) expect([...(await source.read(id)).features]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect((await source.read('2')).boxes).toHaveLength(8);
      await expect(source.read('3')).rejects.toThrow('states 4 regions, its features have 3 rows');
      await expect(source.read('4')).rejects.toThrow('expected one whole number as its number of regions, found 1.5');
      await expect(source.read('5')).rejects.toThrow('image 5: holds no regions');
    });
  });
});

describe('lists in place of arrays', () => {
  test('are arrays; lists of several lengths, without end or of too many values are errors', async () => {
    mkdirSync(join(folder, 'lists'));
    copyFileSync(join(FIXTURES, 'lists.npy'), join(folder, 'lists', '1.npy'));
    copyFileSync(join(FIXTURES, 'ragged.npy'), join(folder, 'lists', '2.npy'));
    await withFeatures(join(folder, 'lists'), async (source) => {
      expect((await source.read('1')).features).toEqual(rampRegions(3, 2, 5));
      await expect(source.read('2')).rejects.toThrow('features: expected lists of one length, found several');
    });
    await withFeatures(join(FIXTURES, 'endless.mdb'), async (source) => {
      for (const id of ['1', '2'])
        await expect(source.read(id)).rejects.toThrow('features: expected an array, found lists nested too deep');
    });
  });
});
