// Region features that Python programs store: LMDB, HDF5, pickled dicts and torch.save files, made by fixtures/make_features.py.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { bytesSource } from '../../../src/byte-source.js';
import { DataError } from '../../../src/errors.js';
import { lmdbEntries } from '../../../src/formats/lmdb.js';
import { numbersOf, readNumpyPickle } from '../../../src/formats/pickle/numpy-pickle.js';
import { openRegionFeatures } from '../../../src/features/open.js';
import type { RegionFeatures, RegionFeatureSource } from '../../../src/features/region-features.js';
import { uniformValues } from '../../../src/random/values.js';
import { rampRegions } from '../../helpers/files/regions.js';
import { testWithData } from '../../helpers/files/shared-data.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const FIXTURES = join('test', 'fixtures', 'features');
const DIM = 5;

let folder = '';
beforeEach(() => {
  folder = temporaryFolder();
});

/** The regions that make_features.py gives an image. */
function expectedRegions(image: number, count: number): RegionFeatures {
  return {
    count,
    dim: DIM,
    features: rampRegions(image, count, DIM),
    boxes: Float32Array.from({ length: count * 4 }, (_, i) => Math.floor(i / 4) + [0, 0, 20, 30][i % 4]!),
    imageWidth: 640 + image,
    imageHeight: 480 + image,
  };
}

async function withFeatures(path: string, body: (source: RegionFeatureSource) => Promise<void>): Promise<void> {
  const source = await openRegionFeatures(path);
  await body(source).finally(() => source.close());
}

describe('features in LMDB', () => {
  test("reads MMF's pickled dicts, large values in pages of their own, after deletions", async () => {
    await withFeatures(join(FIXTURES, 'mmf.lmdb'), async (source) => {
      const images = Array.from({ length: 60 }, (_, i) => i).filter((i) => i !== 50);
      expect([...source.ids()]).toEqual(images.map((i) => `COCO_train2014_${String(i).padStart(12, '0')}`));
      for (const i of images)
        expect(await source.read(String(i))).toEqual(expectedRegions(i, i === 7 ? 200 : 2 + (i % 3)));
      await expect(source.read('50')).rejects.toThrow('no region features for image 50');
    });
  });

  test("reads VOLTA's base64 dicts, and tensors of torch.save, from single files of any name", async () => {
    await withFeatures(join(FIXTURES, 'volta.mdb'), async (source) => {
      expect(await source.read('2')).toEqual(expectedRegions(2, 3));
    });
    copyFileSync(join(FIXTURES, 'torch.mdb'), join(folder, 'features'));
    await withFeatures(join(folder, 'features'), async (source) => {
      const { count, dim, features } = expectedRegions(1, 2);
      expect(await source.read('COCO_val2014_000000000001.jpg')).toEqual({ count, dim, features });
    });
  });

  test('runs nothing that a pickle names, and reports what it found', async () => {
    await expect(openRegionFeatures(join(FIXTURES, 'hostile.mdb'))).rejects.toThrow(
      /image 1: pickle at byte \d+: "posix.system" is not allowed in a feature file: nothing was run/,
    );
    expect(existsSync('/tmp/visualbert-was-here')).toBe(false);
    await expect(openRegionFeatures(join(FIXTURES, 'nested.mdb'))).rejects.toThrow(
      'key inner: holds several values or a database of its own',
    );
  });

  test('names what is wrong with damaged files, whichever byte it is, and never reads without end', async () => {
    const good = readFileSync(join(FIXTURES, 'mmf.lmdb', 'data.mdb'));
    const list = async (bytes: Uint8Array): Promise<number> => {
      let entries = 0;
      for await (const { offset, length } of lmdbEntries(bytesSource(bytes, 'x.mdb'))) {
        expect(offset + length).toBeLessThanOrEqual(bytes.byteLength);
        entries += 1;
      }
      return entries;
    };
    expect(await list(good)).toBe(60);
    await expect(list(good.subarray(0, 5000))).rejects.toThrow('x.mdb');
    const version = Buffer.from(good);
    version.writeUInt32LE(2, 20);
    await expect(list(version)).rejects.toThrow("has version 2 of LMDB's format; expected 1");
    const random = uniformValues(900, 3, 0, 0);
    for (let i = 0; i < 300; i++) {
      const bytes = Buffer.from(good);
      const page = Math.floor((random[3 * i] as number) * 22) * 4096;
      bytes[page + Math.floor((random[3 * i + 1] as number) * 160)] = Math.floor((random[3 * i + 2] as number) * 256);
      await list(bytes).catch((error: unknown) => expect(error).toBeInstanceOf(DataError));
    }
  });

  testWithData(
    'reads the cache of AllenNLP, archives and legacy streams of torch.save, with the boxes of its second file',
    ['region_features/allennlp_lmdb'],
    async (path) => {
      // Regions, sum of the features and of the boxes in float64, as torch.load reads them.
      const expected: Record<string, readonly [count: number, features: number, boxes: number]> = {
        '1016887272.jpg': [48, 15717.835738244932, 109349.37796020508],
        '1339.jpg': [25, 9559.356272218749, 47082.61125946045],
        '2248275918.jpg': [93, 33957.40803926252, 183597.5905303955],
        '2331963.jpg': [92, 31307.871807908057, 180153.5798149109],
        '2354786.jpg': [37, 14117.87401431892, 63872.889508247375],
        '2368326.jpg': [97, 31670.369956345763, 231050.15376472473],
        '2375429.jpg': [9, 3370.1521737352014, 22508.63020324707],
        '2400861.jpg': [7, 2972.552124844864, 11416.124328613281],
        '2405722.jpg': [8, 3367.049589320086, 12984.581184387207],
        '4564320256.jpg': [71, 25532.961132201366, 163134.49490356445],
        'COCO_val2014_000000262148.jpg': [98, 31767.143300820957, 190700.4596710205],
        'COCO_val2014_000000393225.jpg': [35, 13735.493225820479, 72745.64891052246],
      };
      const sum = (values: Float32Array | undefined): number => values?.reduce((all, value) => all + value, 0) ?? NaN;
      await withFeatures(path, async (source) => {
        const stranger = 'COCO_train2014_000000458752.jpg'; // of another detector
        expect(new Set(source.ids())).toEqual(new Set([...Object.keys(expected), stranger]));
        for (const [id, [count, features, boxes]] of Object.entries(expected)) {
          const regions = await source.read(id);
          expect([regions.count, regions.dim, regions.boxes?.length]).toEqual([count, 1024, count * 4]);
          expect(sum(regions.features)).toBeCloseTo(features, 7);
          expect(sum(regions.boxes)).toBeCloseTo(boxes, 7);
        }
        await expect(source.read(stranger)).rejects.toThrow(`image ${stranger}: its features are 2048 wide`);
      });
    },
  );

  test('refuses boxes that leave out an image, or are of other regions', async () => {
    copyFileSync(join(FIXTURES, 'torch.mdb'), join(folder, 'features'));
    copyFileSync(join(FIXTURES, 'torch.mdb'), join(folder, 'coordinates'));
    await expect(openRegionFeatures(folder)).rejects.toThrow('expected boxes [2, 4], found [2, 5]');
    copyFileSync(join(FIXTURES, 'volta.mdb'), join(folder, 'coordinates'));
    await expect(openRegionFeatures(folder)).rejects.toThrow(
      /coordinates: has no boxes for image COCO_val2014_0+\.jpg, which has features/,
    );
  });
});

describe('features in HDF5', () => {
  test('reads the table of bottom-up-attention-vqa with its pickled index, and the image size out of the places', async () => {
    await withFeatures(join(FIXTURES, 'train36.hdf5'), async (source) => {
      expect([...source.ids()]).toEqual(['458754', '458752', '458755', '458753']);
      expect(source.countOf?.('458752')).toBe(3);
      for (let i = 0; i < 4; i++)
        expect(await source.read(`COCO_train2014_000000${458752 + i}`)).toEqual(expectedRegions(i, 3));
    });
  });

  test('reads padded tables in compressed half floats, and a group for each image', async () => {
    await withFeatures(join(FIXTURES, 'padded.h5'), async (source) => {
      for (let i = 0; i < 4; i++) {
        const { boxes, ...rest } = expectedRegions(i, i + 1);
        expect({ ...(await source.read(`dev-${i}-img0`)), boxes }).toEqual({ ...rest, boxes });
        expect(source.countOf?.(`dev-${i}-img0`)).toBe(i + 1);
      }
    });
    await withFeatures(join(FIXTURES, 'groups.h5'), async (source) => {
      for (let i = 0; i < 3; i++) expect(await source.read(String(i))).toEqual(expectedRegions(i, 2 + i));
    });
  });

  test('reads regions after the first 2^24, up to which float32 counts', async () => {
    await withFeatures(join(FIXTURES, 'many.h5'), async (source) => {
      const { features, count } = await source.read('8');
      expect([count, source.countOf?.('7')]).toEqual([3, 2]);
      expect(features).toEqual(expectedRegions(0, 3).features);
    });
  });

  test('shows the library one file alone: raw data in another file leads nowhere', async () => {
    await expect(openRegionFeatures(join(FIXTURES, 'outside.h5')).then((source) => source.read('1'))).rejects.toThrow(
      'outside.h5, image 1: features could not be read',
    );
  });

  test('names what is missing or damaged', async () => {
    const table = join(folder, 'train36.hdf5');
    copyFileSync(join(FIXTURES, 'train36.hdf5'), table);
    await expect(openRegionFeatures(table)).rejects.toThrow('train36_imgid2idx.pkl');
    writeFileSync(join(folder, 'train36_imgid2idx.pkl'), '(dp0\nI1\nI7\ns.');
    await expect(openRegionFeatures(table)).rejects.toThrow('image 1: is in row 7, the file has 4');
    writeFileSync(table, readFileSync(table).subarray(0, 500));
    await expect(openRegionFeatures(table)).rejects.toThrow('the HDF5 file is damaged');
  });

  testWithData(
    'reads a table of all regions beside the rows of each image',
    ['region_features/derived/h5_plain.hdf5', 'region_features/emma_pt/expected.json'],
    async (path, expectedPath) => {
      const expected = (JSON.parse(readFileSync(expectedPath, 'utf8')) as Record<string, { first8: number[] }>)[
        '000000403250.pt'
      ];
      await withFeatures(path, async (source) => {
        expect([source.dim, source.countOf?.('159013'), source.countOf?.('403250')]).toEqual([2048, 15, 18]);
        expect([...(await source.read('403250')).features.subarray(0, 8)]).toEqual(expected?.first8);
      });
    },
  );
});

describe('pickled numpy values', () => {
  const pickles = JSON.parse(readFileSync(join(FIXTURES, 'pickles.json'), 'utf8')) as Record<string, string>;

  test('are the same in every protocol', () => {
    expect(Object.keys(pickles)).toEqual(['0', '1', '2', '3', '4', '5']);
    for (const [protocol, text] of Object.entries(pickles)) {
      const values = readNumpyPickle(Buffer.from(text, 'base64'), `protocol ${protocol}`) as Map<string, never>;
      const read = (name: string): ReturnType<typeof numbersOf> => numbersOf(values.get(name), name);
      expect(read('a')).toEqual({ shape: [2, DIM], data: expectedRegions(1, 2).features });
      for (const name of ['half', 'big', 'fortran'])
        expect(read(name)).toEqual({ shape: [2, DIM], data: expectedRegions(0, 2).features });
      expect(read('n')).toEqual({ shape: [], data: Float32Array.of(1.5) });
    }
  });

  test('are refused when they are cut short or name anything else', () => {
    const bytes = Buffer.from(pickles['4'] ?? '', 'base64');
    expect(() => readNumpyPickle(bytes.subarray(0, 100), 'x')).toThrow(DataError);
    expect(() => readNumpyPickle(Buffer.from('cbuiltins\neval\n(S"1"\ntR.'), 'x')).toThrow(
      '"builtins.eval" is not allowed in a feature file: nothing was run',
    );
  });
});

describe('files of one image', () => {
  testWithData(
    "takes boxes and size from MMF's _info.npy beside the .npy",
    [
      'region_features/derived/mmf_000000159013.npy',
      'region_features/derived/mmf_000000159013_info.npy',
      'region_features/emma_pt/coco/000000159013.pt',
    ],
    async (features, info, pt) => {
      mkdirSync(join(folder, 'mmf'));
      copyFileSync(features, join(folder, 'mmf', '159013.npy'));
      copyFileSync(info, join(folder, 'mmf', '159013_info.npy'));
      mkdirSync(join(folder, 'pt'));
      copyFileSync(pt, join(folder, 'pt', '000000159013.pt'));
      await withFeatures(join(folder, 'mmf'), async (fromNpy) =>
        withFeatures(join(folder, 'pt'), async (fromTorch) => {
          const regions = await fromTorch.read('159013');
          expect([regions.count, regions.dim, regions.imageWidth, regions.imageHeight]).toEqual([15, 2048, 480, 640]);
          expect(regions.boxes?.[0]).toBeCloseTo(203.3974, 3);
          expect(await fromNpy.read('159013')).toEqual(regions);
        }),
      );
    },
  );

  testWithData(
    'reads every torch.save file of real features as PyTorch does',
    ['region_features/emma_pt/coco', 'region_features/emma_pt/visual_genome', 'region_features/emma_pt/expected.json'],
    async (coco, genome, expectedPath) => {
      const expected = JSON.parse(readFileSync(expectedPath, 'utf8')) as Record<
        string,
        { shape: number[]; width: number; height: number; first8: number[]; sum: number; boxes: number[][] }
      >;
      for (const path of [coco, genome])
        await withFeatures(path, async (source) => {
          for (const id of source.ids()) {
            const image = expected[`${id}.pt`];
            const { count, dim, features, boxes, imageWidth, imageHeight } = await source.read(id);
            expect([count, dim, imageWidth, imageHeight]).toEqual([
              ...(image?.shape ?? []),
              image?.width,
              image?.height,
            ]);
            expect([...features.subarray(0, 8)]).toEqual(image?.first8);
            expect([...(boxes?.subarray(0, 4) ?? [])]).toEqual(image?.boxes[0]);
            expect(features.reduce((sum, value) => sum + value, 0)).toBeCloseTo(image?.sum ?? 0, 6);
          }
        });
    },
  );
});
