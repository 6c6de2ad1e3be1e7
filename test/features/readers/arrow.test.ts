// Region features in Arrow tables, against what pyarrow reads. The small files are made by fixtures/make_features.py.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { bytesSource } from '../../../src/byte-source.js';
import { openArrow } from '../../../src/formats/arrow/table.js';
import { openRegionFeatures } from '../../../src/features/open.js';
import type { RegionFeatureSource } from '../../../src/features/region-features.js';
import { DataError } from '../../../src/errors.js';
import { uniformValues } from '../../../src/random/values.js';
import { rampRegions } from '../../helpers/files/regions.js';
import { testWithData } from '../../helpers/files/shared-data.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const FIXTURES = join('test', 'fixtures', 'features');
const folder = temporaryFolder();

async function withFeatures(path: string, body: (source: RegionFeatureSource) => Promise<void>): Promise<void> {
  const source = await openRegionFeatures(path);
  await body(source).finally(() => source.close());
}

/** Reads all that a file holds, as a run would. */
async function readAll(bytes: Uint8Array): Promise<number> {
  const table = await openArrow(bytesSource(bytes, 'x.arrow'));
  const ids = await table.ids('image_id');
  for (const row of ids.keys()) for (const column of ['features', 'boxes', 'image_w']) await table.numbers(column, row);
  return ids.length;
}

describe('features in Arrow tables', () => {
  testWithData(
    'reads the ten images of vltk as pyarrow does',
    ['region_features/vltk_arrow/train.arrow'],
    async (path) => {
      // Sum in float64, first value and first box, from pyarrow 26.
      const expected: Record<string, readonly [sum: number, first: number, box: readonly number[]]> = {
        1000: [
          33881.46380581904,
          0.1815319061279297,
          [0.05779631808400154, 0.0009737985674291849, 0.8931891918182373, 0.3251262307167053],
        ],
        1001: [
          33845.901439900575,
          0.21674968302249908,
          [0.09178861230611801, 0.01033708080649376, 0.8937399983406067, 0.5491085648536682],
        ],
        1002: [
          34906.564069995904,
          0.0732431411743164,
          [0.031274329870939255, 0.000189533646334894, 0.8427009582519531, 0.48148638010025024],
        ],
        1003: [
          33328.44053130173,
          0.05998111143708229,
          [0.00011960347910644487, 0.08400093764066696, 0.6547135710716248, 0.5577922463417053],
        ],
        1004: [
          33973.340836588846,
          0.26769572496414185,
          [0.11730502545833588, 0.0017825191607698798, 0.9303473234176636, 0.43599697947502136],
        ],
        1005: [
          35447.44156711172,
          0.3788682520389557,
          [0.0046486821956932545, 0, 0.9511213302612305, 0.4006042182445526],
        ],
        1006: [35582.38369111868, 0.7333030700683594, [0.08162551373243332, 0, 0.9942171573638916, 0.5921895503997803]],
        1007: [
          34318.95267011589,
          0.19052058458328247,
          [0.05382431671023369, 0.0020880999509245157, 0.8576964735984802, 0.4288167953491211],
        ],
        1008: [
          34052.750095496696,
          0.3083527684211731,
          [0.004159679636359215, 0, 0.8378860950469971, 0.45330682396888733],
        ],
        1009: [35563.9902584596, 0.3429710865020752, [0.10173898935317993, 0, 0.9863902926445007, 0.6124040484428406]],
      };
      await withFeatures(path, async (source) => {
        expect([...source.ids()]).toEqual('1002 1006 1008 1003 1007 1004 1009 1000 1001 1005'.split(' '));
        for (const [id, [sum, first, box]] of Object.entries(expected)) {
          const { count, dim, features, boxes } = await source.read(id);
          expect([count, dim, features[0]]).toEqual([36, 2048, first]);
          expect([...(boxes?.subarray(0, 4) ?? [])]).toEqual(box);
          expect(features.reduce((total, value) => total + value, 0)).toBeCloseTo(sum, 7);
        }
      });
    },
  );

  test('finds rows in several batches, between columns of every other kind, whatever the file is called', async () => {
    copyFileSync(join(FIXTURES, 'table.arrow'), join(folder, 'features'));
    await withFeatures(join(folder, 'features'), async (source) => {
      expect([...source.ids()]).toEqual([0, 1, 2, 3].map((i) => String(2 ** 40 + i)));
      for (let i = 0; i < 4; i++) {
        expect(await source.read(String(2 ** 40 + i))).toEqual({
          count: 2,
          dim: 5,
          features: rampRegions(i, 2, 5),
          boxes: Float32Array.of(0, 0, 20, 30, 1, 1, 21, 31),
          imageWidth: 640 + i,
          imageHeight: 480 + i,
        });
      }
    });
  });

  test('joins the tables of a folder', async () => {
    mkdirSync(join(folder, 'dataset'));
    copyFileSync(join(FIXTURES, 'table.arrow'), join(folder, 'dataset', 'data-00000-of-00001.arrow'));
    writeFileSync(join(folder, 'dataset', 'state.json'), '{}');
    await withFeatures(join(folder, 'dataset'), async (source) => expect([...source.ids()]).toHaveLength(4));
  });

  test('refuses what it does not read: compressed values, nulls, lists of several lengths, tables of other things', async () => {
    const opening = (name: string): Promise<unknown> =>
      openRegionFeatures(join(FIXTURES, name)).then((source) => source.read('b'));
    await expect(opening('compressed.arrow')).rejects.toThrow(
      'is compressed; write it with pyarrow.ipc.IpcWriteOptions',
    );
    await expect(opening('nulls.arrow')).rejects.toThrow('column features: holds 1 nulls');
    await expect(opening('ragged.arrow')).rejects.toThrow('column features: expected lists of one length');
    const table = await openArrow(bytesSource(readFileSync(join(FIXTURES, 'table.arrow')), 'x.arrow'));
    await expect(table.numbers('word', 0)).rejects.toThrow(
      'column word: expected numbers or lists of them, found Dictionary',
    );
    await expect(table.ids('features')).rejects.toThrow('column features: expected texts or whole numbers as ids');
  });

  test('names damage, whichever byte it is, and never reads without end or outside the file', async () => {
    const good = readFileSync(join(FIXTURES, 'table.arrow'));
    expect(await readAll(good)).toBe(4);
    for (const length of [4, 100, 1500, 2500, 4000])
      await expect(readAll(good.subarray(0, length))).rejects.toThrow(/x\.arrow: .*damaged or cut short/);
    const random = uniformValues(4000, 5, 0, 0);
    for (let i = 0; i < 2000; i++) {
      const bytes = Buffer.from(good);
      bytes[Math.floor((random[2 * i] as number) * bytes.length)] = Math.floor((random[2 * i + 1] as number) * 256);
      await readAll(bytes).catch((error: unknown) => expect(error).toBeInstanceOf(DataError));
    }
  });
});
