// Statistics of own data, and boxes outside of their pictures.
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { openRegionFeatures } from '../../src/features/open.js';
import { memorySource } from '../../src/features/wrappers.js';
import { guessOwnTask, OWN_EXAMPLES, OWN_TASKS, ownDataStats } from '../../src/records/own-statistics.js';
import { writeFeatureFolder } from '../helpers/files/numpy-files.js';
import { ownDataFolder } from '../helpers/files/own-data.js';

const { folder, file } = ownDataFolder();

describe('statistics of own data', () => {
  test('tell lengths, labels, images and missing features of the documented examples', async () => {
    const source = await openRegionFeatures(writeFeatureFolder(join(folder, 'stats'), ['IMG_17', 'IMG_3'], 2, 3));
    for (const task of OWN_TASKS) {
      const path = file(...OWN_EXAMPLES[task]);
      expect(await guessOwnTask(path)).toBe(task);
      expect(await ownDataStats(path, task, null)).toMatchObject({
        records: OWN_EXAMPLES[task].length,
        problems: [],
        unlabelled: 0,
      });
    }
    expect(
      await ownDataStats(file(...OWN_EXAMPLES.classification, { text: 'x', imag: 1 }), 'classification', source),
    ).toMatchObject({
      records: 3,
      words: { min: 4, median: 4, p90: 4, max: 5 },
      images: 3,
      labels: [
        ['True', 1],
        ['contradiction', 1],
      ],
      features: { missing: ['IMG_4'], regions: { min: 2, max: 2 }, dim: 3 },
    });
  });

  test('finds boxes that leave their picture, by the size that its features tell', async () => {
    const path = file(
      ...[
        [0, 0, 641, 480],
        [0, 0, 700, 480],
        [-5, 0, 5, 5],
      ].map((box) => ({ text: 'two balls', image: '1', phrases: [{ words: [0, 1], boxes: [box] }] })),
    );
    const regions = { features: new Float32Array(2), count: 1, dim: 2, imageWidth: 640, imageHeight: 480 };
    const { problems, records } = await ownDataStats(path, 'grounding', memorySource('memory', [['1', regions]]));
    expect(records).toBe(3);
    expect(problems.map(({ where, problem }) => `${where.replace(/^.*, /, '')}: ${problem}`)).toEqual([
      'line 2: expected boxes inside image 1 of 640 x 480 pixels, received [0, 0, 700, 480]',
      'line 3: expected boxes inside image 1 of 640 x 480 pixels, received [-5, 0, 5, 5]',
    ]);
  });
});
