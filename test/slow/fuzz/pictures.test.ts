// Two thousand damaged pictures, archives and tables of pictures: no crash, no hang, no other error than one that names the file.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { decodePicture } from '../../../src/pictures/decode.js';
import { openPictures } from '../../../src/pictures/sources/open.js';
import { type Attempt, fuzzFiles, type Sample } from '../../helpers/fuzz/fuzz.js';
import { slowCount } from '../../helpers/slow-share.js';

const CASES = slowCount(2000);
const FIXTURES = 'test/fixtures/pictures';

function samples(folder: string, ending: RegExp): Sample[] {
  const names = readdirSync(folder).filter((name) => ending.test(name));
  return names.map((name) => ({ path: name, bytes: readFileSync(join(folder, name)) }));
}

const SAMPLES: Record<string, readonly Sample[]> = {
  ...Object.fromEntries(['jpg', 'png', 'webp', 'gif', 'avif', 'tiff'].map((ending) => [ending, samples(FIXTURES, new RegExp(`${ending}$`))])), // prettier-ignore
  ...Object.fromEntries(['zip', 'tar', 'parquet'].map((ending) => [ending, samples(join(FIXTURES, 'archives'), new RegExp(`${ending}$`))])), // prettier-ignore
};

/** Decodes all pictures. */
async function readAll(path: string, folder: string, attempt: Attempt): Promise<void> {
  const source = await attempt(() => openPictures(join(folder, path)));
  if (source === null) return;
  for (const id of source.ids.slice(0, 50)) {
    const bytes = await attempt(() => source.read(id));
    if (bytes !== null)
      await attempt(() => decodePicture(bytes, `${source.name}, image ${id}`, { maxPixels: 1 << 20 }));
  }
  await source.close();
}

describe(`${CASES} damaged files are read or refused, never anything else`, () => {
  test.each(Object.keys(SAMPLES))('%s', async (format) => {
    const { read, refused } = await fuzzFiles(SAMPLES[format] ?? [], 1, CASES, readAll);
    expect(read + refused).toBe(CASES);
    expect(refused).toBeGreaterThan(0);
  });
});
