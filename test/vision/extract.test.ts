// Features of pictures in a store: contents, stopping and resuming, shards, bad pictures.
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { joinSources, memorySource } from '../../src/features/wrappers.js';
import { packFeatures } from '../../src/features/store/pack.js';
import { mergeStores } from '../../src/features/store/merge.js';
import { openFeatureStore } from '../../src/features/store/read.js';
import { setLogger } from '../../src/logger.js';
import { decodePng } from '../../src/pictures/png.js';
import { drawRegions } from '../../src/vision/draw-regions.js';
import { extractFeatures } from '../../src/vision/extract.js';
import { RegionDetector } from '../../src/vision/region-detector.js';
import { fileDigest } from '../../src/platform/file-digest.js';
import { useBackend } from '../helpers/backend.js';
import { writeDetector, writePicture } from '../helpers/models/small-detector.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';
import { ConfigError } from '../../src/errors.js';

const root = temporaryFolder();
const inRoot = (name: string): string => join(root, name);
const pictures = inRoot('pictures');
const IDS = ['a', 'b', 'c', 'd', 'e'];
const detector = inRoot('detector');

beforeAll(async () => {
  await useBackend();
  mkdirSync(pictures);
  IDS.forEach((id, i) => writePicture(join(pictures, `${id}.png`), 60 + 9 * i, 70 - 3 * i));
  await writeDetector(detector, 'vg-r101-c4');
  await writeDetector(inRoot('other'), 'coco-r101-fpn');
});

const counts: string[] = [];
const onImage = (done: number, all: number): void => void counts.push(`${done}/${all}`);

describe('extractFeatures', () => {
  test('stores what the detector finds: features, boxes, classes, attributes, scores and sizes, and what it is', async () => {
    const output = inRoot('whole.vbf');
    const made = await extractFeatures({ pictures, detector, output, onImage });
    expect(made).toMatchObject({ images: 5, earlier: 0, dim: 32, badImages: [], isFinished: true });
    expect(counts.splice(0)).toEqual(['0/5', '1/5', '2/5', '3/5', '4/5', '5/5']);
    const loaded = await RegionDetector.fromPretrained(detector);
    const store = await openFeatureStore(output);
    expect([...store.ids()]).toEqual(IDS);
    expect(store.detector).toEqual({
      name: 'vg-r101-c4',
      weights: await fileDigest(join(detector, 'model.safetensors')),
      settings: loaded.config,
    });
    for (const id of IDS) {
      const [expected] = await loaded.detect([join(pictures, `${id}.png`)]);
      expect(expected?.attributes).toHaveLength(expected?.count ?? 0);
      expect(await store.read(id)).toEqual(expected);
    }
    await store.close();
    await loaded.dispose();
  });

  test('goes on where it stopped, with the same store at the end', async () => {
    const output = inRoot('stopped.vbf');
    const stop = new AbortController();
    const stopped = await extractFeatures({
      ...{ pictures, detector, output, signal: stop.signal },
      onImage: (done) => (done === 2 ? stop.abort() : undefined),
    });
    expect(stopped).toMatchObject({ images: 2, isFinished: false });
    const other = extractFeatures({ pictures, detector: inRoot('other'), output });
    await expect(other).rejects.toThrow(
      /was started with dim 32, .*detector vg-r101-c4 with .*, now dim 20, .*detector coco-r101-fpn with .*remove it/,
    );
    const resumed = await extractFeatures({ pictures, detector, output, onImage });
    expect(resumed).toMatchObject({ images: 5, earlier: 2, isFinished: true });
    expect(counts.splice(0)).toEqual(['2/5', '3/5', '4/5', '5/5']);
    expect(readFileSync(output).equals(readFileSync(inRoot('whole.vbf')))).toBe(true);
    await expect(extractFeatures({ pictures, detector, output })).rejects.toThrow('already exists');
  });

  test('keeps of a stopped run only what the same pictures give', async () => {
    const [first, second, expected] = ['first', 'second', 'expected'].map(inRoot) as [string, string, string];
    const copy = (folder: string, from: string, to: string): void => {
      mkdirSync(folder, { recursive: true });
      copyFileSync(join(pictures, `${from}.png`), join(folder, `${to}.png`));
    };
    for (const id of ['1', '2', '3', '4']) copy(first, 'a', id);
    for (const [from, to] of [
      ['b', '1'],
      ['a', '3'],
      ['c', '5'],
    ] as const)
      copy(second, from, to); // 1 differs, 2 and 4 are gone
    const output = inRoot('second.vbf');
    const stop = new AbortController();
    await extractFeatures({
      ...{ pictures: first, detector, output, signal: stop.signal },
      onImage: (done) => (done === 3 ? stop.abort() : undefined),
    });
    expect(await extractFeatures({ pictures: second, detector, output })).toMatchObject({
      ...{ images: 3, earlier: 1, removed: 2, isFinished: true },
    });
    await extractFeatures({ pictures: second, detector, output: `${expected}.vbf` });
    const [made, whole] = [await openFeatureStore(output), await openFeatureStore(`${expected}.vbf`)];
    expect([...made.ids()].sort()).toEqual(['1', '3', '5']);
    for (const id of whole.ids()) expect(await made.read(id)).toEqual(await whole.read(id));
    await Promise.all([made.close(), whole.close()]);
  });

  test('detects pictures again whose batch has changed, since padding depends on the others', async () => {
    const output = inRoot('rebatched.vbf');
    const stop = new AbortController();
    stop.abort();
    await extractFeatures({ pictures, detector, output, batchSize: 2, signal: stop.signal });
    expect(await extractFeatures({ pictures, detector, output })).toMatchObject({ images: 5, earlier: 0, removed: 2 });
    expect(readFileSync(output).equals(readFileSync(inRoot('whole.vbf')))).toBe(true);
  });

  test('in parts gives, merged, the bytes of the whole, with batches, after a stop within one and in any order', async () => {
    const [whole, merged] = [inRoot('batched.vbf'), inRoot('merged.vbf')];
    await extractFeatures({ pictures, detector, output: whole, batchSize: 2 });
    const parts = [1, 2].map((index) => ({ output: inRoot(`part-${index}.vbf`), shard: { index, count: 2 } }));
    for (const part of parts) {
      const stop = new AbortController();
      stop.abort();
      await extractFeatures({ pictures, detector, batchSize: 2, ...part, signal: stop.signal });
      cutLastImage(part.output);
      await extractFeatures({ pictures, detector, batchSize: 2, ...part });
    }
    const sources = await Promise.all(parts.map(({ output }) => openFeatureStore(output)));
    expect(sources.map((source) => [...source.ids()])).toEqual([
      ['a', 'b'],
      ['c', 'd', 'e'],
    ]);
    await Promise.all(sources.map((source) => source.close()));
    expect(await mergeStores(parts.map(({ output }) => output).reverse(), merged, { onImage })).toBe(5);
    expect(counts.splice(0).at(-1)).toBe('5/5');
    expect(readFileSync(merged).equals(readFileSync(whole))).toBe(true);
  });

  test('in parts of different batches or folders is not merged, since pictures would be missing', async () => {
    const part = async (name: string, from: string, index: number, batchSize: number): Promise<string> => {
      const output = inRoot(`${name}.vbf`);
      await extractFeatures({ pictures: from, detector, output, batchSize, shard: { index, count: 2 } });
      return output;
    };
    const fewer = inRoot('fewer');
    mkdirSync(fewer);
    for (const id of ['a', 'e']) copyFileSync(join(pictures, `${id}.png`), join(fewer, `${id}.png`));
    const first = await part('first-of-5', pictures, 1, 3);
    const refused = (other: string): Promise<number> => mergeStores([first, other], inRoot('refused.vbf'));
    await expect(refused(await part('second-of-2', fewer, 2, 1))).rejects.toThrow(
      `is a part of 2 images, ${first} of 5; make all parts from the same images`,
    );
    await expect(refused(await part('second-by-1', pictures, 2, 1))).rejects.toThrow(
      `was made with --batch-size 1, ${first} with 3; make all parts in the same way`,
    );
  });

  test('refuses a column of pictures where there is no Parquet file', async () => {
    const given = { pictures, detector, output: inRoot('no.vbf'), column: 'image' };
    await expect(extractFeatures(given)).rejects.toThrow(
      new ConfigError(`\`column\`: of no use for ${pictures}; give a Parquet file of pictures, or leave it out`),
    );
  });

  test('refuses a name that no command takes for a store', async () => {
    await expect(extractFeatures({ pictures, detector, output: inRoot('features.npz') })).rejects.toThrow(
      'features.npz: a store of region features is written; give it a name that ends in .vbf',
    );
  });

  test.each([
    [{ index: 4, count: 3 }, 'as 1/4 to 4/4, received 4/3'],
    [{ index: 1, count: 6 }, 'expected at most 5 parts of 5 batches, received 1/6'],
  ])('refuses the part %j', async (shard, message) => {
    await expect(extractFeatures({ pictures, detector, output: inRoot('no.vbf'), shard })).rejects.toThrow(message);
  });

  test('of files of one name, named by their paths, in parts that can be joined and drawn', async () => {
    const twice = inRoot('twice');
    for (const name of ['left', 'right']) {
      mkdirSync(join(twice, name), { recursive: true });
      copyFileSync(join(pictures, 'a.png'), join(twice, name, 'a.png'));
    }
    const given = { pictures: twice, detector };
    await expect(extractFeatures({ ...given, output: inRoot('twice.vbf') })).rejects.toThrow('--name-by path');
    const parts = [1, 2].map((index) => ({ output: inRoot(`twice-${index}.vbf`), shard: { index, count: 2 } }));
    for (const part of parts) await extractFeatures({ ...given, ...part, nameBy: 'path' });
    const features = inRoot('twice.vbf');
    await mergeStores(
      parts.map(({ output }) => output),
      features,
    );
    const store = await openFeatureStore(features);
    expect([...store.ids()]).toEqual(['left/a', 'right/a']);
    await store.close();
    const drawn = await drawRegions({ features, pictures: twice, image: 'right/a', output: inRoot('right.png') });
    expect(drawn.image).toBe('right/a');
  });

  test('names a bad picture, or leaves bad ones out and lists them', async () => {
    const mixed = inRoot('mixed');
    mkdirSync(mixed);
    copyFileSync(join(pictures, 'a.png'), join(mixed, 'a.png'));
    writeFileSync(join(mixed, 'b.png'), readFileSync(join(pictures, 'b.png')).subarray(0, 200));
    writeFileSync(join(mixed, 'c.jpg'), 'no picture');
    writeFileSync(join(mixed, 'notes'), 'no picture');
    const output = inRoot('mixed.vbf');
    await expect(extractFeatures({ pictures: mixed, detector, output })).rejects.toThrow(
      /mixed.b\.png: could not be decoded: .*; skipBadImages: true skips/,
    );
    const made = await extractFeatures({ pictures: mixed, detector, output, skipBadImages: true, batchSize: 3 });
    expect(made).toMatchObject({ images: 1, earlier: 0, removed: 1, isFinished: true }); // a was computed alone
    expect(made.ignored).toEqual([{ folder: mixed, endings: { '': 1 } }]);
    expect(made.badImages.map(({ id }) => id)).toEqual(['b', 'c']);
    expect(made.badImages[1]?.reason).toMatch(/c\.jpg: expected a JPEG, PNG/);
    const none = extractFeatures({
      pictures: join(mixed, '[bc].*'),
      detector,
      output: inRoot('none.vbf'),
      skipBadImages: true,
    });
    await expect(none).rejects.toThrow(/none of its 2 pictures can be used: .*b\.png: could not be decoded/);
    const only = extractFeatures({
      ...{ pictures: join(mixed, 'c.jpg'), detector, output: inRoot('none.vbf'), skipBadImages: true },
    });
    await expect(only).rejects.toThrow(/c\.jpg: its only picture cannot be used: .*c\.jpg: expected a JPEG/);
  });
});

/** Leaves a stopped store as a crash does after the first image of a batch of two. */
function cutLastImage(output: string): void {
  const journal = `${output}.part.jsonl`;
  const lines = readFileSync(journal, 'utf8').trim().split('\n');
  expect(lines).toHaveLength(3);
  writeFileSync(journal, `${lines.slice(0, 2).join('\n')}\n`);
}

describe('stores of two detectors', () => {
  test('are joined with a warning when their widths agree, and then name none', async () => {
    const warnings: string[] = [];
    setLogger({ info: () => undefined, warn: (message) => warnings.push(message) });
    const output = inRoot('mmf.vbf');
    await writeDetector(inRoot('mmf'), 'mmf-x101');
    await extractFeatures({ pictures: join(pictures, 'a.png'), detector: inRoot('mmf'), output });
    await extractFeatures({ pictures: join(pictures, 'b.png'), detector: inRoot('other'), output: inRoot('coco.vbf') });
    const sources = [await openFeatureStore(output), await openFeatureStore(inRoot('coco.vbf'))];
    expect(joinSources(sources).detector).toBeUndefined();
    expect(warnings).toEqual([
      expect.stringMatching(
        /coco\.vbf: has regions of coco-r101-fpn with .*mmf\.vbf those of mmf-x101 with .*use one detector/,
      ),
    ]);
    await Promise.all(sources.map((source) => source.close()));
    setLogger(null);
  });
});

describe('drawRegions', () => {
  test('draws boxes over the picture, and refuses a picture of another size', async () => {
    const [features, output] = [inRoot('whole.vbf'), inRoot('drawn.png')];
    expect(await drawRegions({ features, pictures, image: 'b', output, maxBoxes: 3 })).toEqual({
      image: 'b',
      boxes: 3,
    });
    // 69 x 67 pixels, 12 times larger: the first whole factor that gives a side of 800.
    expect(decodePng(readFileSync(output))).toMatchObject({ width: 828, height: 804 });
    const wrong = drawRegions({ features, pictures: join(pictures, 'c.png'), image: 'b', output });
    await expect(wrong).rejects.toThrow('expected a picture of 69 x 67 pixels, received 78 x 64');
    await expect(drawRegions({ features, pictures, output })).rejects.toThrow('choose one with --image');
    await expect(drawRegions({ features, pictures, image: 'b', output: inRoot('b.txt') })).rejects.toThrow(
      'ends in .png',
    );
  });

  test('shows names of classes from a file as text, whatever is in them', async () => {
    const labels = inRoot('labels.txt');
    writeFileSync(labels, Array.from({ length: 11 }, () => '</svg><image href="x"/> & "bus",coach').join('\n'));
    const output = inRoot('named.png');
    await drawRegions({ features: inRoot('whole.vbf'), pictures, image: 'a', output, labels, attributeLabels: labels });
    expect(decodePng(readFileSync(output)).width).toBe(12 * 60);
  });

  test('refuses names for regions without classes or attributes', async () => {
    const features = inRoot('nameless.vbf');
    const regions = { count: 1, dim: 1, features: Float32Array.of(1), boxes: Float32Array.of(1, 1, 9, 9) };
    await packFeatures(memorySource('m', [['a', regions]]), features);
    for (const option of ['labels', 'attributeLabels'])
      await expect(
        drawRegions({ features, pictures, image: 'a', output: inRoot('none.png'), [option]: inRoot('labels.txt') }),
      ).rejects.toThrow(`nameless.vbf: its regions have nothing that \`${option}\` would name; leave it out`);
  });

  test('shows the names that the detector has, as it shows those of files', async () => {
    const [folder, features] = [inRoot('with-names'), inRoot('with-names.vbf')];
    cpSync(detector, folder, { recursive: true });
    const path = join(folder, 'config.json');
    const config = JSON.parse(readFileSync(path, 'utf8')) as { classes: number; attributes: number };
    const [classNames, attributeNames] = [config.classes, config.attributes].map((count, i) =>
      Array.from({ length: count }, (_, k) => `${i === 0 ? 'thing' : 'look'} ${k}`),
    ) as [string[], string[]];
    writeFileSync(path, JSON.stringify({ ...config, classNames, attributeNames }));
    await extractFeatures({ pictures: join(pictures, 'a.png'), detector: folder, output: features });
    const [labels, attributeLabels] = [inRoot('things.txt'), inRoot('looks.txt')];
    writeFileSync(labels, classNames.join('\n'));
    writeFileSync(attributeLabels, attributeNames.join('\n'));
    const drawn = async (name: string, of: string, given: object = {}): Promise<Buffer> => {
      await drawRegions({ features: of, pictures, image: 'a', output: inRoot(name), ...given });
      return readFileSync(inRoot(name));
    };
    const own = await drawn('own.png', features);
    const without = inRoot('whole.vbf');
    expect(own.equals(await drawn('given.png', without, { labels, attributeLabels }))).toBe(true);
    expect(own.equals(await drawn('numbers.png', without))).toBe(false);
  });
});
