// NLVR and NLVR2: real files, features of scenes, errors for invalid records.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readNlvr, readNlvr2, withoutOverlap } from '../../src/records/nlvr.js';
import { NLVR_FEATURE_DIM, sceneKey, sceneRegions } from '../../src/records/nlvr-scenes.js';
import { decodePng } from '../../src/pictures/png.js';
import { sharedData, testWithData } from '../helpers/files/shared-data.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const folder = temporaryFolder();
function file(...records: unknown[]): string {
  const path = join(folder, 'records.json');
  writeFileSync(path, records.map((record) => JSON.stringify(record)).join('\n'));
  return path;
}

describe('NLVR', () => {
  testWithData(
    'reads every split of JSON lines',
    ['nlvr1/dev.json', 'nlvr1/test.json', 'nlvr1/hidden.json', 'nlvr1/train_examples.recovered.jsonl'],
    async (...paths) => {
      const counts = [];
      for (const path of paths) {
        const statements = await readNlvr(path);
        counts.push([statements.length, statements.filter(({ label }) => label === true).length]);
        expect(statements.every(({ scene }) => scene?.length === 3)).toBe(true);
      }
      expect(counts.map(([count]) => count)).toEqual([989, 990, 985, 1000]);
      expect(counts[0]?.[1]).toBe(547);
    },
  );

  testWithData(
    'takes sentences and scenes of the training data out of dev',
    ['nlvr1/dev.json', 'nlvr1/test.json', 'nlvr1/hidden.json', 'nlvr1/train_examples.recovered.jsonl'],
    async (devPath, ...trainPaths) => {
      const dev = await readNlvr(devPath ?? '');
      const train = (await Promise.all(trainPaths.map(readNlvr))).flat();
      const kept = withoutOverlap(dev, train);
      const keys = (statements: typeof train): Set<string> =>
        new Set(statements.map(({ scene }) => sceneKey(scene ?? [])));
      const trainKeys = keys(train);
      expect([...keys(kept)].some((key) => trainKeys.has(key))).toBe(false);
      expect([train.length, dev.length, kept.length]).toEqual([2975, 989, 577]);
    },
  );

  test('describes each box and item by kind, color, size, box and place', async () => {
    const item = { type: 'circle', color: '#0099ff', x_loc: 20, y_loc: 80, size: 20 };
    const [statement] = await readNlvr(
      file({ identifier: '1-0', sentence: 's', label: 'true', structured_rep: [[], [item], []] }),
    );
    const { features, count, dim, boxes, imageWidth } = sceneRegions(statement?.scene ?? []);
    expect([count, dim, imageWidth]).toEqual([4, NLVR_FEATURE_DIM, 400]);
    const row = (i: number): number[] => [...features.subarray(i * dim, (i + 1) * dim)];
    const places = [0.2, 0.8, 0.4, 1, 0.2, 0.2].map(Math.fround);
    expect(row(1)).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1]);
    expect(row(2)).toEqual([0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0, ...places]);
    expect([...(boxes ?? [])].slice(4, 12)).toEqual([150, 0, 250, 100, 170, 80, 190, 100]);
  });

  testWithData(
    'puts its boxes where the picture has the shapes',
    ['nlvr1/dev.json', 'nlvr1/dev_images'],
    async (path) => {
      const colors: Record<string, number[]> = { Yellow: [255, 255, 0], Black: [0, 0, 0], '#0099ff': [0, 153, 255] };
      let checked = 0;
      for (const { identifier, scene } of (await readNlvr(path)).slice(0, 12)) {
        const png =
          sharedData(`nlvr1/dev_images/dev-${identifier}-0.png`) ??
          sharedData(`nlvr1/dev_images/dev-${identifier.replace(/-\d+$/, '')}-0-0.png`);
        if (png === null || scene === null) continue;
        const image = decodePng(readFileSync(png));
        const { boxes, imageWidth, imageHeight } = sceneRegions(scene);
        expect([image.width, image.height]).toEqual([imageWidth, imageHeight]);
        let region = 0;
        for (const items of scene) {
          region += 1; // the box itself
          for (const item of items) {
            const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = boxes?.subarray(region * 4, region * 4 + 4) ?? [];
            const at = (Math.floor((y1 + 2 * y2) / 3) * image.width + Math.floor((x1 + x2) / 2)) * 3;
            if (items.length === 1) expect([...image.rgb.subarray(at, at + 3)]).toEqual(colors[item.color]);
            region += 1;
          }
        }
        checked += 1;
      }
      expect(checked).toBe(12);
    },
  );

  test('names the line, box and item that are wrong', async () => {
    const scene = (item: object): object => ({
      identifier: '1-0',
      sentence: 's',
      label: 'true',
      structured_rep: [[], [], [item]],
    });
    const item = { type: 'square', color: 'Black', x_loc: 0, y_loc: 0, size: 10 };
    await expect(readNlvr(file(scene({ ...item, type: 'star' })))).rejects.toThrow(
      'line 1, box 2, item 0: expected a square, triangle or circle, found star',
    );
    await expect(readNlvr(file(scene({ ...item, size: 11 })))).rejects.toThrow(
      'expected the size 10, 20, 30, found 11',
    );
    await expect(readNlvr(file(scene(item), scene(item)))).rejects.toThrow('line 2: statement 1-0 also occurs in');
    await expect(readNlvr(file({ identifier: '1', sentence: 's', label: 'maybe' }))).rejects.toThrow(
      'expected the label true or false, received "maybe"',
    );
  });
});

describe('NLVR2', () => {
  testWithData(
    "reads lil-lab's lines",
    ['nlvr2/allennlp_tiny-dev.json', 'nlvr2/emma_nlvr.jsonl'],
    async (tiny, emma) => {
      expect((await readNlvr2(tiny))[1]).toEqual({
        identifier: 'dev-850-2-0',
        sentence:
          'The right image shows a curving walkway of dark glass circles embedded in dirt and flanked by foliage.',
        label: true,
        imageIds: ['dev-850-2-img0', 'dev-850-2-img1'],
      });
      expect(await readNlvr2(emma)).toHaveLength(13);
    },
  );

  testWithData(
    "reads LXMERT's array with the same image names",
    ['lxmert_format/nlvr2_test.first500.json'],
    async (path) => {
      const statements = await readNlvr2(path);
      expect(statements).toHaveLength(500);
      expect(statements[2]).toEqual({
        identifier: 'test1-0-3-0',
        sentence: 'There is an empty glass.',
        label: true,
        imageIds: ['test1-0-3-img0', 'test1-0-3-img1'],
      });
    },
  );

  test('refuses an identifier that names no pair', async () => {
    await expect(readNlvr2(file({ identifier: '17', sentence: 's' }))).rejects.toThrow(
      'expected an identifier such as dev-850-0-0',
    );
  });
});
