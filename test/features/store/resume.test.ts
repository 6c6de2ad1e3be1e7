// A store that is written over several runs: the files of a stopped run are kept, truncated to complete images, or rejected.
import { appendFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { openFeatureStore } from '../../../src/features/store/read.js';
import type { RegionFeatures } from '../../../src/features/region-features.js';
import type { StoreTraits } from '../../../src/features/store/journal.js';
import { resumeStore as resume, type StoreImages } from '../../../src/features/store/resume.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const TRAITS: StoreTraits = { dim: 3, dtype: 'float32', origin: 'test' };

/** `count` regions of an image, told apart by `start`. */
function regionsOf(start: number, count: number): RegionFeatures {
  const features = Float32Array.from({ length: count * 3 }, (_, i) => start + i);
  const boxes = Float32Array.from({ length: count * 4 }, (_, i) => i);
  return { features, count, dim: 3, boxes, imageWidth: 9, imageHeight: 8 };
}

const resumeStore = (
  path: string,
  traits: StoreTraits,
  isCurrent: StoreImages['isCurrent'] = async () => true,
): ReturnType<typeof resume> => resume(path, traits, { isCurrent });
const newPath = (): string => join(temporaryFolder(), 'inner', 'made.vbf');

/** A run that ends after two images. */
async function stoppedRun(): Promise<string> {
  const path = newPath();
  const writer = await resumeStore(path, TRAITS);
  await writer.add('a', regionsOf(0, 2));
  await writer.add('b', regionsOf(100, 1));
  await writer.close();
  return path;
}

async function finishedAfter(path: string): Promise<string[]> {
  const writer = await resumeStore(path, TRAITS);
  const kept = [...writer.done];
  for (const [id, start] of [['a', 0], ['b', 100], ['c', 200]] as const) if (!writer.done.has(id)) await writer.add(id, regionsOf(start, start === 0 ? 2 : 1)); // prettier-ignore
  await writer.finish();
  const store = await openFeatureStore(path);
  expect([...store.ids()]).toEqual(['a', 'b', 'c']);
  expect((await store.read('a')).features).toEqual(regionsOf(0, 2).features);
  expect(await store.read('b')).toEqual(regionsOf(100, 1));
  expect(await store.read('c')).toEqual(regionsOf(200, 1));
  await store.close();
  expect(['.part', '.part.jsonl'].filter((ending) => existsSync(path + ending))).toEqual([]);
  return kept;
}

describe('a store over several runs', () => {
  test('keeps the images of a stopped run, and shows no store before it is whole', async () => {
    const path = await stoppedRun();
    expect(existsSync(path)).toBe(false);
    expect(await finishedAfter(path)).toEqual(['a', 'b']);
  });

  const damages: [string, (path: string) => void, string[]][] = [
    ['a half-written line of the journal', (path) => appendFileSync(`${path}.part.jsonl`, '["c",10'), ['a', 'b']],
    ['an image without its line', (path) => appendFileSync(`${path}.part`, 'half an image'), ['a', 'b']],
    ['bytes that never reached the disk', (path) => truncateSync(`${path}.part`, 80), ['a']],
    ['bytes of a lost file', (path) => truncateSync(`${path}.part`, 0), []],
    ['a line that claims more than there is', (path) => appendFileSync(`${path}.part.jsonl`, '["c",160,1e9,0,0,0,1]\n'), ['a', 'b']], // prettier-ignore
    ['no journal', (path) => writeFileSync(`${path}.part.jsonl`, ''), []],
  ];
  test.each(damages)('goes on after %s', async (_, damage, kept) => {
    const path = await stoppedRun();
    damage(path);
    expect(await finishedAfter(path)).toEqual(kept);
  });

  test('removes images that are not current, and closes the gap', async () => {
    const path = newPath();
    const first = await resumeStore(path, TRAITS);
    for (const [id, start] of [['a', 0], ['b', 100], ['c', 200]] as const) await first.add(id, regionsOf(start, start === 0 ? 2 : 1), `${id} at first`); // prettier-ignore
    await first.close();
    const asked: unknown[] = [];
    const writer = await resumeStore(path, TRAITS, async (id, madeFrom) => {
      asked.push([id, madeFrom]);
      return id !== 'a';
    });
    expect(asked).toEqual(['a', 'b', 'c'].map((id) => [id, `${id} at first`]));
    expect([[...writer.done], writer.removed]).toEqual([['b', 'c'], 1]);
    await writer.close();
    const last = await resumeStore(path, TRAITS, async (id, madeFrom) => madeFrom === `${id} at first`);
    expect([...last.done]).toEqual(['b', 'c']);
    await last.add('a', regionsOf(300, 1));
    await last.finish();
    const store = await openFeatureStore(path);
    expect([...store.ids()]).toEqual(['b', 'c', 'a']);
    for (const [id, start] of [['b', 100], ['c', 200], ['a', 300]] as const) expect(await store.read(id)).toEqual(regionsOf(start, 1)); // prettier-ignore
    await store.close();
  });

  test('refuses to mix features of two kinds, and to replace a store', async () => {
    const path = await stoppedRun();
    const before = readFileSync(`${path}.part`);
    await expect(resumeStore(path, { ...TRAITS, origin: 'other' })).rejects.toThrow(
      /was started with .*"test".*"other".*remove it/,
    );
    expect(readFileSync(`${path}.part`)).toEqual(before);
    await finishedAfter(path);
    await expect(resumeStore(path, TRAITS)).rejects.toThrow(/already exists; remove it/);
    await expect(resumeStore('/dev/null', TRAITS)).rejects.toThrow(
      '/dev/null: expected a file to write, found a device; name a file',
    );
  });

  test("is written by one process at a time; one that is gone is in nobody's way", async () => {
    const path = newPath();
    const writer = await resumeStore(path, TRAITS);
    await expect(resumeStore(path, TRAITS)).rejects.toThrow(
      `${path}: process ${process.pid} on ${hostname()} is writing it; wait`,
    );
    await writer.add('a', regionsOf(0, 2));
    await writer.close();
    expect(readdirSync(dirname(path)).sort()).toEqual(['made.vbf.part', 'made.vbf.part.jsonl']);
    writeFileSync(`${path}.lock`, JSON.stringify({ pid: 2 ** 30, host: hostname(), token: 'gone' }));
    expect(await finishedAfter(path)).toEqual(['a']);
    expect(readdirSync(dirname(path))).toEqual(['made.vbf']);
  });
});
