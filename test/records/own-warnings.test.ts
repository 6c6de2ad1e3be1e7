// Warnings about own data whose records are all valid.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { RegionFeatureSource } from '../../src/features/region-features.js';
import { memorySource } from '../../src/features/wrappers.js';
import { ownDataStats } from '../../src/records/own-statistics.js';
import type { RecordProblem } from '../../src/records/own.js';
import { regionsWith } from '../helpers/files/regions.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const folder = temporaryFolder();

async function warnings(records: readonly object[], source: RegionFeatureSource | null = null): Promise<string[]> {
  const path = join(folder, 'data.jsonl');
  writeFileSync(path, records.map((record) => JSON.stringify(record)).join('\n'));
  const { problems, warnings: suspicious } = await ownDataStats(path, 'classification', source);
  expect(problems).toEqual([]);
  return suspicious.map((one) => lineOf(one, path));
}

function lineOf({ where, problem }: RecordProblem, path: string): string {
  return `${where}: ${problem}`.replaceAll(`${path}, `, '');
}

const record = (image: string | number, label?: string | number | boolean): object => ({ text: 'a cat', image, label });

describe('warnings about own data', () => {
  test('say nothing where all is well', async () => {
    expect(await warnings([record(1, 'yes'), record('2', 'no')])).toEqual([]);
    expect(await warnings([record(1), record(2)])).toEqual([]); // a test set
  });

  test('name labels of several types, with the first record of each and of the rarest', async () => {
    expect(await warnings([record(1, 1), record(2, 0), record(3, '1'), record(4, true), record(5, 1), record(6, '0')])).toEqual([
      'line 4: label: of several types: 3 numbers (first in line 1), 2 texts (first in line 3), 1 truth value (first in line 4); use one',
    ]); // prettier-ignore
  });

  test('name records without label among labelled ones', async () => {
    expect(await warnings([record(1, 'yes'), record(2), record(3, 'no'), record(4)])).toEqual([
      'line 2: no label; 2 of 4 records have none, and training needs one in each',
    ]);
  });

  test('name ids that look like paths; images without features are problems, with the first record that names them', async () => {
    const source = memorySource('m', [['17', regionsWith([1], 1)]]);
    const images = [17, 18, 'img/17.png', 'C:\\img\\19.png', 18, 'COCO_val2014_000000000017.jpg'];
    const records = images.map((image) => record(image, 'yes'));
    const path = join(folder, 'missing.jsonl');
    writeFileSync(path, records.map((one) => JSON.stringify(one)).join('\n'));
    const found = await ownDataStats(path, 'classification', source);
    expect(found.warnings).toEqual([]);
    expect(found.problems.map((one) => lineOf(one, path))).toEqual([
      'line 2: no region features for image 18, which 2 records name',
      'line 3: no region features for image img/17.png; img/17.png looks like a path; features are found by the name of a file: 17.png, for which there are features',
      'line 4: no region features for image C:\\img\\19.png; C:\\img\\19.png looks like a path; features are found by the name of a file: 19.png',
    ]);
    expect(await warnings(records.slice(0, 3))).toEqual([
      'line 3: img/17.png looks like a path; features are found by the name of a file: 17.png',
    ]);
  });
});
