// Examples with unusable images: errors that name them, or left out and listed.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { openTask } from '../../../src/tasks/open-task.js';
import { npy, writeFeatureFolder } from '../../helpers/files/numpy-files.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const folder = temporaryFolder();

const features = writeFeatureFolder(join(folder, 'features'), ['1', '2'], 2, 3);
writeFileSync(join(features, '3.npy'), npy([1, 2, 3, 4, NaN, 6], [2, 3]));
const record = (id: string, images: [string, string] | [string]): object => ({
  ...{ id, text: 'a bird', label: id },
  ...(images.length === 1 ? { image: images[0] } : { images }),
});
const write = (name: string, ...records: object[]): string => {
  const path = join(folder, name);
  writeFileSync(path, records.map((one) => JSON.stringify(one)).join('\n'));
  return path;
};
const data = write(
  'data.jsonl',
  ...[record('a', ['1']), record('b', ['2', '1']), record('c', ['3']), record('d', ['1', '3']), record('e', ['9'])],
);
const context = { purpose: 'train', model: null } as const;

describe('images without usable regions', () => {
  test('are named when they are read', async () => {
    const bad = write('bad.jsonl', record('a', ['1']), record('c', ['3']));
    const { data: examples, close } = await openTask('classification', { data: bad, features }, context);
    await expect(examples.example(1)).rejects.toThrow(
      /image 3, region 1: expected finite numbers, found NaN.*; skipBadImages: true leaves such images out/,
    );
    await close();
  });

  test('are left out on demand, and listed with their reason and the examples that show them', async () => {
    const opened = await openTask('classification', { data, features, skipBadImages: true }, context);
    expect(opened.data.length).toBe(2);
    expect(opened.leftOut).toEqual([
      { id: '3', reason: expect.stringMatching(/region 1: expected finite numbers, found NaN/), examples: 2 },
      { id: '9', reason: expect.stringMatching(/no region features for image 9/), examples: 1 },
    ]);
    const whole = await openTask(
      'classification',
      { data: write('good.jsonl', record('a', ['1']), record('b', ['2', '1'])), features },
      context,
    );
    expect(whole.leftOut).toEqual([]);
    expect(whole.data.fingerprint).toBe(opened.data.fingerprint);
    await Promise.all([opened.close(), whole.close()]);
  });

  test('are an error where nothing else is left', async () => {
    const none = write('none.jsonl', record('a', ['3']), record('b', ['9']));
    await expect(openTask('classification', { data: none, features, skipBadImages: true }, context)).rejects.toThrow(
      /none of the 2 examples has usable regions; image 3: .*NaN/,
    );
  });
});

test("the width of the model distinguishes the axes of its examples' grids", async () => {
  const grids = temporaryFolder();
  writeFileSync(
    join(grids, '1.npy'),
    npy(
      Float32Array.from({ length: 336 }, (_, i) => i),
      [8, 6, 7],
    ),
  );
  const one = { data: write('grid.jsonl', record('a', ['1']), record('b', ['1'])), features: grids };
  await expect(openTask('classification', one, context)).rejects.toThrow('[8, 6, 7] may be 6 x 7 cells of 8 channels');
  for (const [visualEmbeddingDim, count] of [
    [8, 42],
    [7, 48],
  ] as const) {
    const { data: examples, close } = await openTask('classification', one, { ...context, visualEmbeddingDim });
    expect(await examples.example(0)).toMatchObject({ regions: [{ count, dim: visualEmbeddingDim }] });
    await close();
  }
});
