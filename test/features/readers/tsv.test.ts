// Bottom-up-attention files: a real one, and errors for damaged ones.
import { chmodSync, copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { openTsvFeatures } from '../../../src/features/readers/tsv.js';
import { testWithData } from '../../helpers/files/shared-data.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

interface ExpectedImage {
  img_h: number;
  img_w: number;
  num_boxes: number;
  box0: number[];
  first8: number[];
  sum: number;
}

let folder = '';
beforeEach(() => {
  folder = temporaryFolder();
});

const base64 = (values: number[]): string => Buffer.from(Float32Array.from(values).buffer).toString('base64');
const row = (id: string, count: number, dim: number): string =>
  [
    id,
    640,
    480,
    count,
    base64(Array(count * 4).fill(1) as number[]),
    base64(Array.from({ length: count * dim }, (_, i) => i)),
  ].join('\t');
function file(text: string, name = 'features.tsv'): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('TSV region features', () => {
  testWithData(
    "reads LXMERT's file (CRLF) as numpy read it, in any order and under any spelling of the id",
    ['region_features/lxmert_tsv/train2014_obj36.tsv', 'region_features/lxmert_tsv/expected.json'],
    async (tsv, expectedPath) => {
      const path = join(folder, 'train2014_obj36.tsv');
      copyFileSync(tsv, path);
      const expected = JSON.parse(readFileSync(expectedPath, 'utf8')) as Record<string, ExpectedImage>;
      const source = await openTsvFeatures(path);
      expect(source.dim).toBe(2048);
      expect([...source.ids()].sort()).toEqual(Object.keys(expected).sort());
      for (const [id, image] of Object.entries(expected).reverse()) {
        expect(source.countOf?.(id)).toBe(image.num_boxes);
        const { features, count, boxes, imageWidth, imageHeight } = await source.read(
          id.replace(/^COCO_train2014_0*/, ''),
        );
        expect([count, imageWidth, imageHeight]).toEqual([image.num_boxes, image.img_w, image.img_h]);
        expect([...features.subarray(0, 8)]).toEqual(image.first8);
        expect([...(boxes?.subarray(0, 4) ?? [])]).toEqual(image.box0);
        expect(features.reduce((sum, value) => sum + value, 0)).toBeCloseTo(image.sum, 6);
      }
      expect(source.has('9')).toBe(false);
      await expect(source.read('9')).rejects.toThrow(`${path}: no region features for image 9`);
      await source.close();
      expect(existsSync(`${path}.index.json`)).toBe(true);
    },
  );

  test("reads the original tool's columns, with a header or without, and mixed region counts", async () => {
    const rows = [row('12', 2, 3), row('7', 1, 3), row('30', 4, 3)].join('\n');
    for (const text of [rows, `image_id\timage_w\timage_h\tnum_boxes\tboxes\tfeatures\n${rows}\n`]) {
      const source = await openTsvFeatures(file(text, `${text.length}.tsv`));
      const { features, count, dim, imageWidth, imageHeight } = await source.read('30');
      expect([count, dim, imageWidth, imageHeight, features[11]]).toEqual([4, 3, 640, 480, 11]);
      await source.close();
    }
  });

  test('uses the kept index only while the file is the same', async () => {
    const path = file(row('12', 2, 3));
    await (await openTsvFeatures(path)).close();
    writeFileSync(path, `${row('5', 1, 3)}\n${row('6', 1, 3)}\n`);
    const source = await openTsvFeatures(path);
    expect([...source.ids()]).toEqual(['5', '6']);
    await source.close();
  });

  test('rebuilds a damaged index', async () => {
    const path = file(row('12', 2, 3));
    writeFileSync(`${path}.index.json`, '{"size":');
    await (await openTsvFeatures(path)).close();
    const index = JSON.parse(readFileSync(`${path}.index.json`, 'utf8')) as { lines: object[] };
    expect(index).toMatchObject({ lines: [{ id: '12', count: 2 }] });
    writeFileSync(`${path}.index.json`, JSON.stringify({ ...index, lines: [{ ...index.lines[0], count: -1 }] }));
    const source = await openTsvFeatures(path);
    expect((await source.read('12')).count).toBe(2);
    await source.close();
  });

  test('finds images by ids in any script', async () => {
    const source = await openTsvFeatures(file(`${row('café', 1, 3)}\n${row('写真', 2, 3)}\n`));
    expect([...source.ids()]).toEqual(['café', '写真']);
    expect((await source.read('写真')).count).toBe(2);
    await source.close();
  });

  test('leaves a folder that is marked read-only as it is', async () => {
    const path = file(row('12', 1, 3));
    chmodSync(folder, 0o555);
    const source = await openTsvFeatures(path);
    expect((await source.read('12')).count).toBe(1);
    await source.close();
    expect(existsSync(`${path}.index.json`)).toBe(false);
    chmodSync(folder, 0o755);
  });

  test('names the line and image that are damaged', async () => {
    await expect(openTsvFeatures(file('1\t2\t3\n'))).rejects.toThrow(
      'found 3; give a .tsv of bottom-up attention or LXMERT',
    );
    await expect(openTsvFeatures(file(`${row('1', 1, 3)}\n${row('1', 1, 3)}\n`))).rejects.toThrow(
      'image 1 occurs twice',
    );
    await expect(openTsvFeatures(file(row('1', 1, 3).replace('\t1\t', '\tmany\t')))).rejects.toThrow(
      'line 1 (image 1): expected a whole number as num_boxes',
    );
    await expect(openTsvFeatures(file(row('1', 1, 3).replace('\t1\t', '\t999999999\t')))).rejects.toThrow(
      '999999999 regions in one image',
    );
    await expect(openTsvFeatures(file(''))).rejects.toThrow('holds no images');
    const cut = await openTsvFeatures(file(`${row('1', 2, 3)}\n${row('2', 2, 3).slice(0, -10)}\n`));
    await expect(cut.read('2')).rejects.toThrow('image 2: expected 6 float32 values of features');
    await cut.close();
    const bytes = `b'${base64([1, 1, 1])}'`;
    const python = await openTsvFeatures(file(`${row('1', 1, 3)}\n${['2', 9, 9, 1, base64([0, 0, 1, 1]), bytes].join('\t')}\n`)); // prettier-ignore
    await expect(python.read('2')).rejects.toThrow("image 2: its features begin with b', Python's notation for bytes, expected base64"); // prettier-ignore
    await python.close();
    const moved = await openTsvFeatures(file(`${row('1', 1, 3)}\n${row('2', 1, 3).replace('AACAPw', 'AA!APw')}\n`));
    await expect(moved.read('2')).rejects.toThrow('image 2, boxes: expected base64, found "AA!A');
    await moved.close();
    const empty = await openTsvFeatures(file(`${row('1', 2, 3)}\n${row('2', 0, 3)}\n`));
    await expect(empty.read('2')).rejects.toThrow('image 2: holds no regions');
    await empty.close();
  });
});
