// Features of pictures in a store: what it holds, stops and starts, parts, bad pictures.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { joinSources } from '../../src/features/wrappers.js';
import { packFeatures } from '../../src/features/store/pack.js';
import { openFeatureStore } from '../../src/features/store/read.js';
import { setLogger } from '../../src/logger.js';
import { decodePng } from '../../src/pictures/png.js';
import { drawRegions } from '../../src/vision/draw-regions.js';
import { extractFeatures } from '../../src/vision/extract.js';
import { RegionDetector } from '../../src/vision/region-detector.js';
import { fileDigest } from '../../src/platform/file-digest.js';
import { useBackend } from '../helpers/backend.js';
import { writeDetector, writePicture } from '../helpers/small-detector.js';

const root = mkdtempSync(join(tmpdir(), 'extract-'));
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
afterAll(() => rmSync(root, { recursive: true, force: true }));

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
    await expect(other).rejects.toThrow(/was begun with dim 32, .*name "vg-r101-c4".*, now dim 20, .*remove it/);
    const resumed = await extractFeatures({ pictures, detector, output, onImage });
    expect(resumed).toMatchObject({ images: 5, earlier: 2, isFinished: true });
    expect(counts.splice(0)).toEqual(['2/5', '3/5', '4/5', '5/5']);
    expect(readFileSync(output).equals(readFileSync(inRoot('whole.vbf')))).toBe(true);
    await expect(extractFeatures({ pictures, detector, output })).rejects.toThrow('is already there');
  });

  test('in parts gives the whole, which packing keeps with all that the parts say', async () => {
    const parts = ['1', '2', '3'].map((index) => inRoot(`part-${index}.vbf`));
    for (const [i, output] of parts.entries())
      await extractFeatures({ pictures, detector, output, batchSize: 1, shard: { index: i + 1, count: 3 } });
    const sources = await Promise.all(parts.map(openFeatureStore));
    expect(sources.map((source) => [...source.ids()])).toEqual([['a'], ['b', 'c'], ['d', 'e']]);
    await packFeatures(joinSources(sources), inRoot('packed.vbf'));
    await Promise.all(sources.map((source) => source.close()));
    expect(readFileSync(inRoot('packed.vbf')).equals(readFileSync(inRoot('whole.vbf')))).toBe(true);
    await expect(
      extractFeatures({ pictures, detector, output: inRoot('no.vbf'), shard: { index: 4, count: 3 } }),
    ).rejects.toThrow('as 1/4 to 4/4, received 4/3');
  });

  test('names a bad picture, or leaves bad ones out and lists them', async () => {
    const mixed = inRoot('mixed');
    mkdirSync(mixed);
    copyFileSync(join(pictures, 'a.png'), join(mixed, 'a.png'));
    writeFileSync(join(mixed, 'b.png'), readFileSync(join(pictures, 'b.png')).subarray(0, 200));
    writeFileSync(join(mixed, 'c.jpg'), 'no picture');
    const output = inRoot('mixed.vbf');
    await expect(extractFeatures({ pictures: mixed, detector, output })).rejects.toThrow(
      /^image b: could not be decoded: .*; skipBadImages: true leaves/,
    );
    const made = await extractFeatures({ pictures: mixed, detector, output, skipBadImages: true, batchSize: 3 });
    expect(made).toMatchObject({ images: 1, earlier: 1, isFinished: true });
    expect(made.badImages.map(({ id }) => id)).toEqual(['b', 'c']);
    expect(made.badImages[1]?.reason).toMatch(/c\.jpg: expected a JPEG, PNG/);
    const none = extractFeatures({
      pictures: join(mixed, '[bc].*'),
      detector,
      output: inRoot('none.vbf'),
      skipBadImages: true,
    });
    await expect(none).rejects.toThrow(/none of its 2 pictures can be used: image b: could not be decoded/);
  });
});

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
        /coco\.vbf: its regions are of coco-r101-fpn with .*mmf\.vbf of mmf-x101 with .*use one detector/,
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
    const [drawn, before] = [output, join(pictures, 'b.png')].map((path) => decodePng(readFileSync(path)));
    expect(drawn).toMatchObject({ width: before?.width, height: before?.height });
    expect(drawn?.rgb).not.toEqual(before?.rgb);
    const wrong = drawRegions({ features, pictures: join(pictures, 'c.png'), image: 'b', output });
    await expect(wrong).rejects.toThrow('its regions are of a picture of 69 x 67, this one has 78 x 64 pixels');
    await expect(drawRegions({ features, pictures, output })).rejects.toThrow('say which with --image');
    await expect(drawRegions({ features, pictures, image: 'b', output: inRoot('b.txt') })).rejects.toThrow(
      'ends in .png',
    );
  });

  test('shows names of classes from a file as text, whatever is in them', async () => {
    const labels = inRoot('labels.txt');
    writeFileSync(labels, Array.from({ length: 11 }, () => '</svg><image href="x"/> & "bus",coach').join('\n'));
    const output = inRoot('named.png');
    await drawRegions({ features: inRoot('whole.vbf'), pictures, image: 'a', output, labels, attributeLabels: labels });
    expect(decodePng(readFileSync(output)).width).toBe(60);
  });
});
