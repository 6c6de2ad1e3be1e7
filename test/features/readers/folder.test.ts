// Region features in one file per image: numpy's own files, the layouts in use, and damaged ones.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { openFolderFeatures } from '../../../src/features/readers/folder.js';
import { readNpy } from '../../../src/formats/npy.js';
import { openRegionFeatures } from '../../../src/features/open.js';
import { encodePng } from '../../../src/pictures/png.js';
import { npy, npz } from '../../helpers/files/numpy-files.js';
import { testWithData } from '../../helpers/files/shared-data.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

let folder = '';
beforeEach(() => {
  folder = temporaryFolder();
});

describe('folders of region features', () => {
  testWithData(
    "reads MMF's .npy and openvqa's .npz of one image alike, as numpy wrote them",
    [
      'region_features/derived/mmf_000000159013.npy',
      'region_features/derived/openvqa_stored_000000159013.jpg.npz',
      'region_features/emma_pt/expected.json',
    ],
    async (mmf, openvqa, expectedPath) => {
      const expected = (
        JSON.parse(readFileSync(expectedPath, 'utf8')) as Record<
          string,
          { first8: number[]; width: number; height: number; sum: number }
        >
      )['000000159013.pt'];
      const read = async (
        path: string,
        name: string,
      ): ReturnType<Awaited<ReturnType<typeof openFolderFeatures>>['read']> => {
        const inner = join(folder, name.replace('.', '-'));
        mkdirSync(inner);
        copyFileSync(path, join(inner, name));
        return (await openFolderFeatures(inner)).read('159013');
      };
      const fromNpy = await read(mmf, '000000159013.npy');
      const fromNpz = await read(openvqa, '000000159013.jpg.npz');
      for (const regions of [fromNpy, fromNpz]) {
        expect([regions.count, regions.dim]).toEqual([15, 2048]);
        expect([...regions.features.subarray(0, 8)]).toEqual(expected?.first8);
        expect(regions.features.reduce((sum, value) => sum + value, 0)).toBeCloseTo(expected?.sum ?? 0, 6);
      }
      expect([fromNpz.imageWidth, fromNpz.imageHeight, fromNpz.boxes?.length]).toEqual([
        expected?.width,
        expected?.height,
        60,
      ]);
    },
  );

  testWithData(
    'reads half floats, whole numbers and a feature grid of CLEVR',
    [
      'region_features/derived/boxes_f2.npy',
      'region_features/derived/classes_i8.npy',
      'region_features/clevr_npy/val_feats_000043.npy',
    ],
    async (half, whole, clevr) => {
      expect(readNpy(readFileSync(half), half)).toMatchObject({ shape: [15, 4] });
      expect([...readNpy(readFileSync(whole), whole).data.subarray(0, 4)]).toEqual([168, 1422, 510, 1527]);
      copyFileSync(clevr, join(folder, 'val_feats_000043.npy'));
      const { count, dim, features } = await (await openFolderFeatures(folder)).read('val_feats_000043');
      expect([count, dim]).toEqual([28 * 28, 512]);
      const grid = readNpy(readFileSync(clevr), clevr).data; // [1, 512, 28, 28]
      expect(features[5 * 512 + 7]).toBe(grid[7 * 784 + 5]);
    },
  );

  test('reads every dtype, byte order and axis order of numpy', () => {
    const big = Buffer.alloc(8);
    big.writeFloatBE(1.5, 0);
    big.writeFloatBE(-2, 4);
    expect([...readNpy(npy(big, [2], '>f4'), 'x').data]).toEqual([1.5, -2]);
    expect([...readNpy(npy(Float64Array.of(1, 2, 3, 4, 5, 6), [2, 3], '<f8', true), 'x').data]).toEqual([
      1, 3, 5, 2, 4, 6,
    ]);
    expect([...readNpy(npy(BigInt64Array.of(-7n), [1], '<i8'), 'x').data]).toEqual([-7]);
    expect([...readNpy(npy(Uint8Array.of(1, 0), [2], '|b1'), 'x').data]).toEqual([1, 0]);
    expect([...readNpy(npy(Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7c00), [4], '<f2'), 'x').data]).toEqual([
      1,
      -2,
      2 ** -24,
      Infinity,
    ]);
  });

  test("reads the authors' .npz, stored and compressed, and numpy's bottom-up layout", async () => {
    const boxes = npy([0, 0, 1, 1, 2, 2, 3, 3], [2, 4]);
    writeFileSync(
      join(folder, 'dev-0-0-img0.png.npz'),
      npz(
        {
          'box_features.npy': npy([1, 2, 3, 4, 5, 6], [2, 3]),
          'max_conf.npy': npy([1, 1], [2]),
          'cls_boxes.npy': boxes,
        },
        true,
      ),
    );
    writeFileSync(
      join(folder, '17.npz'),
      npz({ 'image_features.npy': npy([7, 8, 9], [1, 3]), 'image_w.npy': npy([64], []), 'image_h.npy': npy([32], []) }),
    );
    const source = await openRegionFeatures(folder);
    expect(source.dim).toBe(3);
    const first = await source.read('dev-0-0-img0');
    expect([[...first.features], [...(first.boxes ?? [])]]).toEqual([
      [1, 2, 3, 4, 5, 6],
      [0, 0, 1, 1, 2, 2, 3, 3],
    ]);
    expect(await source.read('COCO_val2014_000000000017')).toMatchObject({ count: 1, imageWidth: 64, imageHeight: 32 });
  });

  test('names the file that is damaged, of another width, too large or holds objects', async () => {
    const write = (name: string, bytes: Buffer): void => writeFileSync(join(folder, name), bytes);
    await expect(openRegionFeatures(folder)).rejects.toThrow(
      'or a folder of .npy, .npz, .pt, .arrow or .png files; found nothing',
    );
    write('1.npy', npy([1, 2, 3], [1, 3]));
    write('2.npy', npy([1, 2], [1, 2]));
    write('3.npy', npy([1, 2, 3], [1, 3]).subarray(0, -4));
    write('4.npy', npy([], [1000000, 1000000]));
    write('5.npy', npy([], [], '|O'));
    write('6.npy', Buffer.from('<html>'));
    write('7.npz', npz({ 'y.npy': npy([1], [1]) }));
    write('8.npz', npz({ 'x.npy': npy([1, 2, 3], [1, 3]) }, true).fill(7, 40, 60));
    write('9.npy', npy([], [0, 3]));
    const changed = npz({ 'x.npy': npy([1, 2, 3], [1, 3]) });
    changed.writeFloatLE(9, changed.indexOf(Buffer.from(Float32Array.of(1, 2, 3).buffer)));
    write('10.npz', changed);
    const source = await openFolderFeatures(folder);
    await expect(source.read('2')).rejects.toThrow(/image 2: its features are 2 wide, those of the first image 3/);
    await expect(source.read('3')).rejects.toThrow('expected 12 bytes of values for shape [1, 3], found 8');
    await expect(source.read('4')).rejects.toThrow('the file is cut short');
    await expect(source.read('5')).rejects.toThrow('5.npy: pickle at byte 0 breaks off');
    await expect(source.read('6')).rejects.toThrow('6.npy: not a numpy .npy file');
    await expect(source.read('7')).rejects.toThrow('found the arrays y');
    await expect(source.read('8')).rejects.toThrow('8.npz');
    await expect(source.read('9')).rejects.toThrow('holds no regions');
    await expect(source.read('10')).rejects.toThrow('10.npz, array "x": the checksum is wrong');
    await expect(source.read('11')).rejects.toThrow('no region features for image 11');
    write('01.npy', npy([1, 2, 3], [1, 3]));
    await expect(openFolderFeatures(folder)).rejects.toThrow('image 1 occurs twice');
  });

  test('makes features of pictures, from boxes or from a grid, and joins sources of one width', async () => {
    const rgb = Uint8Array.from({ length: 4 * 2 * 3 }, (_, i) => (i % 3 === 0 ? 255 : 0)); // red
    writeFileSync(join(folder, '5.png'), encodePng({ width: 4, height: 2, rgb }));
    const grid = await openRegionFeatures(folder, { grid: 2, cells: 1 });
    const { count, dim, features } = await grid.read('5');
    expect([count, dim, grid.countOf?.('5'), grid.detector]).toEqual([4, 9, 4, undefined]);
    expect([...features.subarray(0, 3)]).toEqual([2, -2, -2]);
    writeFileSync(join(folder, 'boxes.json'), '{"5": [[0, 0, 2, 1]]}');
    await expect(openRegionFeatures(folder)).resolves.toMatchObject({
      dim: 198,
      detector: { name: null, pixels: { cells: 8, look: 'colors' } },
    });
    writeFileSync(join(folder, 'boxes.json'), '{"5": [[0, 0, 2]]}');
    await expect(openRegionFeatures(folder)).rejects.toThrow(
      'boxes.json: expected { "<image id>": [[x1, y1, x2, y2], ...] }: 5.0: expected a list of 4, received 3',
    );
    writeFileSync(join(folder, 'boxes.json'), '{"5": [[0, 0, 2, 1]]}');
    const other = temporaryFolder();
    writeFileSync(join(other, '6.npy'), npy([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 9]));
    const joined = await openRegionFeatures([folder, other], { cells: 1 });
    expect([...joined.ids()]).toEqual(['5', '6']);
    expect((await joined.read('5')).count).toBe(1);
    writeFileSync(join(other, '6.npy'), npy([1, 2], [1, 2]));
    await expect(openRegionFeatures([folder, other], { cells: 1 })).rejects.toThrow('are 2 wide');
  });
});
