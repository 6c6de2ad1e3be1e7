// Weights of detectors: every tensor of a foreign file is used or skipped with a reason, and conversion is exact.
import { cpSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { writeWhole } from '../../src/byte-sink.js';
import { writeSafetensors } from '../../src/checkpoint/safetensors.js';
import { createSink } from '../../src/platform/node.js';
import { convertCheckpoint } from '../../src/convert/convert.js';
import { ConfigError } from '../../src/errors.js';
import { checkedDetectorConfig } from '../../src/vision/detector/check-config.js';
import type { DetectorConfig } from '../../src/vision/detector/config.js';
import { detectorLayers, detectorTensors } from '../../src/vision/detector/specification.js';
import { DETECTOR_NAMES, namedDetector } from '../../src/vision/detector/presets.js';
import { RegionDetector } from '../../src/vision/region-detector.js';
import { convertDetector } from '../../src/vision/weights/convert.js';
import { inspectDetector } from '../../src/vision/weights/inspect.js';
import { DETECTOR_LAYOUTS, type DetectorLayout } from '../../src/vision/weights/layouts.js';
import { useBackend } from '../helpers/backend.js';
import { writeDetector } from '../helpers/models/small-detector.js';
import { drawnPicture } from '../helpers/parity/fixtures.js';
import { DETECTOR_FILES, narrowDetector } from './narrow.js';
import { hubSnapshot } from '../helpers/files/hub-cache.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const FOLDER = join('test', 'fixtures', 'vision');
const scratch = temporaryFolder();

beforeAll(async () => {
  await useBackend();
});

/** Layout, keys of the file, and how many of them a region detector does not use. */
const KEYS: Record<string, [layout: string, keys: number, skipped: number]> = {
  'vg-r101-c4': ['detectron2', 334, 54],
  'mmf-x101': ['maskrcnn-benchmark', 191, 2],
  'detectron1-r101-fpn': ['caffe2', 192, 3],
  'coco-r101-fpn': ['detectron2', 297, 2],
};

describe.each(Object.entries(DETECTOR_FILES))('%s', (name, file) => {
  const config = narrowDetector(name);
  const path = join(FOLDER, file);

  test('converted gives the same regions, and reports what became of every key', async () => {
    const outDir = join(scratch, name);
    const { layout, converted, skipped, files } = await convertDetector(path, { detector: config, outDir });
    expect(files).toEqual(['model.safetensors', 'config.json']);
    const keys = [...converted.flatMap((layer) => layer.keys), ...skipped.map(({ key }) => key)];
    expect(new Set(keys).size).toBe(keys.length);
    expect([layout, keys.length, skipped.length]).toEqual(KEYS[name]);
    const [original, again] = [
      await RegionDetector.fromPretrained(path, { detector: config }),
      await RegionDetector.fromPretrained(outDir),
    ];
    expect(again.config).toEqual(config);
    const pictures = [drawnPicture(60, 40)];
    expect(await again.detect(pictures)).toEqual(await original.detect(pictures));
    await original.dispose();
    await again.dispose();
  });

  test('another configuration is refused, naming what does not fit', async () => {
    const load = async (changes: object): Promise<unknown> =>
      RegionDetector.fromPretrained(path, { detector: checkedDetectorConfig({ ...config, ...changes }) });
    await expect(load({ classes: 3 })).rejects.toThrow(/of another shape: .* instead of \[/);
    // One box for all classes, and before it one of the background where that comes first, as maskrcnn-benchmark and Detectron keep it.
    const rows: Record<string, number> = {
      'vg-r101-c4': 4,
      'mmf-x101': 8,
      'detectron1-r101-fpn': 8,
      'coco-r101-fpn': 4,
    };
    await expect(load({ isClassAgnostic: true })).rejects.toThrow(
      new RegExp(`  2 tensors of another shape: \\S*bbox_pred\\S* .* instead of \\[${rows[name]},`),
    );
    await expect(load({ backbone: { ...config.backbone, depth: 101 } })).rejects.toThrow(
      /tensors missing: \S+, .* and \d+ more$/m,
    );
    await expect(RegionDetector.fromPretrained(path)).rejects.toThrow(
      /expected the name of its detector, one of vg-r101-c4/,
    );
  });
});

describe('weights', () => {
  test('files that hold no detector, and damaged ones, are named', async () => {
    const other = join('test', 'fixtures', 'checkpoints', 'tiny-vqa', 'model.safetensors');
    await expect(RegionDetector.fromPretrained(other, { detector: 'vg-r101-c4' })).rejects.toThrow(
      /holds no region detector of a known layout/,
    );
    const bytes = readFileSync(join(FOLDER, 'coco-r101-fpn.pkl'));
    const cut = join(scratch, 'cut.pkl');
    writeFileSync(cut, bytes.subarray(0, 50_000));
    await expect(RegionDetector.fromPretrained(cut, { detector: 'coco-r101-fpn' })).rejects.toThrow(
      /cut.pkl: .*cut off/,
    );
  });

  test('a converted detector under a name that it does not have is recognised as converted', async () => {
    const own = await writeDetector(temporaryFolder(), 'coco-r101-fpn');
    await expect(convertDetector(own, { outDir: temporaryFolder(), detector: 'coco-r101-fpn' })).rejects.toThrow(
      'it is already a detector of this package: use its folder as it is, without a name',
    );
  });

  test('that are not there are a missing file, not a repository of the hub', async () => {
    for (const path of ['nothere.pkl', 'folder/nothere.pth'])
      await expect(convertDetector(path, { outDir: temporaryFolder(), detector: 'mmf-x101' })).rejects.toThrow(
        `${path}: expected a checkpoint file, found none; check the path`,
      );
    await expect(convertDetector('s3://bucket/a.pkl', { outDir: temporaryFolder() })).rejects.toThrow(
      's3://bucket/a.pkl: addresses of other schemes than http and https are not supported; download it',
    );
  });

  test("of another detector with the same shapes are refused, naming the detector whose file's layout it is", async () => {
    const path = join(scratch, 'published.safetensors');
    await writeHeader(path, 'detectron2', namedDetector('coco-r101-fpn'));
    const outDir = join(scratch, 'refused');
    await expect(convertDetector(path, { outDir, detector: 'detectron1-r101-fpn' })).rejects.toThrow(
      `${path}: expected the published file of this detector, in Detectron (Caffe2)'s layout, found one in detectron2's; ` +
        'its tensors are those of coco-r101-fpn or coco-r101-fpn-notebook: give that name',
    );
    expect(existsSync(outDir)).toBe(false);
    await expect(RegionDetector.fromPretrained(path, { detector: 'mmf-x101' })).rejects.toThrow(
      "in maskrcnn-benchmark's layout, found one in detectron2's",
    );
    await expect(convertDetector(path, { outDir, detector: 'vg-r101-c4' })).rejects.toThrow(
      /its tensors are those of coco-r101-fpn or coco-r101-fpn-notebook: give that name\n {2}\d+ tensors missing: (\S+, ){7}\S+ and \d+ more\n/,
    );
    const narrow = join(FOLDER, 'coco-r101-fpn.pkl');
    await expect(convertDetector(narrow, { outDir, detector: 'coco-r101-fpn' })).rejects.toThrow(
      'its tensors are of none of the named detectors (vg-r101-c4, ',
    );
  });

  test('a pickle that names a function to run is refused', async () => {
    const path = join(scratch, 'hostile.pkl');
    writeFileSync(path, Buffer.from('\x80\x02cos\nsystem\nU\x02ls\x85R.', 'latin1'));
    await expect(RegionDetector.fromPretrained(path, { detector: 'coco-r101-fpn' })).rejects.toThrow(
      /"os.system" is not allowed/,
    );
  });

  test('a tensor without a use and one that is not finite are named', async () => {
    const config = narrowDetector('coco-r101-fpn');
    const write = async (name: string, change: (key: string) => number, more: string[] = []): Promise<string> => {
      const tensors = [...detectorTensors(config), ...more.map((key) => [key, [2]] as const)];
      const path = join(scratch, name);
      await writeWhole(await createSink(path), (sink) =>
        writeSafetensors(
          sink,
          tensors.map(([key, shape]) => ({
            name: key,
            dtype: 'F32' as const,
            shape,
            bytes: () => new Uint8Array(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(change(key)).buffer),
          })),
        ),
      );
      return path;
    };
    const more = await write('more.safetensors', () => 0, ['head.fc8.weight']);
    await expect(RegionDetector.fromPretrained(more, { detector: config })).rejects.toThrow(
      /1 tensors unexpected: head.fc8.weight/,
    );
    const wild = await write('wild.safetensors', (key) => (key === 'head.fc7.weight' ? NaN : 0));
    await expect(RegionDetector.fromPretrained(wild, { detector: config })).rejects.toThrow(
      /"head.fc7.weight", its bias or its norm holds values that are not finite/,
    );
    expect(tf.memory().numTensors).toBe(0);
  });

  test('in a folder are found under a name of their own', async () => {
    const folder = temporaryFolder();
    cpSync(join(FOLDER, 'mmf-x101.pth'), join(folder, 'detectron_model.pth'));
    const detector = await RegionDetector.fromPretrained(folder, { detector: narrowDetector('mmf-x101') });
    expect([detector.dim, detector.name]).toEqual([20, null]);
    await detector.dispose();
  });

  test('at an address and in a repository of the hub are those at the path', async () => {
    const [folder, cacheDir] = [await writeDetector(temporaryFolder(), 'mmf-x101'), temporaryFolder()];
    cpSync(folder, hubSnapshot(cacheDir, 'someone/detector'), { recursive: true });
    const files: Record<string, string> = {
      '/weights.pth': join(FOLDER, 'mmf-x101.pth'),
      '/weights.pkl': join(FOLDER, 'coco-r101-fpn.pkl'),
      ...Object.fromEntries(
        ['config.json', 'model.safetensors'].map((name) => [`/detector/${name}`, join(folder, name)]),
      ),
    };
    const server = createServer(({ url = '' }, response) => {
      const path = files[url];
      if (path === undefined) response.writeHead(404).end();
      else response.writeHead(200).end(readFileSync(path));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const detected = async (...given: Parameters<typeof RegionDetector.fromPretrained>): Promise<unknown> => {
      const detector = await RegionDetector.fromPretrained(...given);
      const regions = await detector.detect([drawnPicture(60, 40)]);
      await detector.dispose();
      return regions;
    };
    const expected = await detected(folder);
    const [mmf, coco] = [{ detector: narrowDetector('mmf-x101') }, { detector: narrowDetector('coco-r101-fpn') }];
    expect(await detected(`${base}/weights.pth`, mmf)).toEqual(expected);
    expect(await detected(`${base}/detector`)).toEqual(expected);
    expect(await detected('someone/detector', { cacheDir, localFilesOnly: true })).toEqual(expected);
    expect(await detected(`${base}/weights.pkl`, coco)).toEqual(
      await detected(join(FOLDER, 'coco-r101-fpn.pkl'), coco),
    );
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test('fresh ones come of the seed', async () => {
    const config = narrowDetector('vg-r101-c4');
    const [a, b, c] = [0, 0, 1].map((seed) => new RegionDetector(config, { seed })) as [
      RegionDetector,
      RegionDetector,
      RegionDetector,
    ];
    const pictures = [drawnPicture(60, 40)];
    const [first, second, third] = [await a.detect(pictures), await b.detect(pictures), await c.detect(pictures)];
    expect(first).toEqual(second);
    expect(first[0]?.features).not.toEqual(third[0]?.features);
    expect(first[0]).toMatchObject({ count: 12, dim: 32, imageWidth: 60, imageHeight: 40 });
    const one = pictures[0] as (typeof pictures)[number];
    for (const [single, what] of [
      [one, 'one picture; '],
      ['photo.jpg', 'one picture; '],
      [5, '5'],
    ] as const)
      await expect(a.detect(single as never)).rejects.toThrow(
        `RegionDetector.detect: expected a list of pictures, received ${what}`,
      );
    const running = a.detect(pictures);
    for (const detector of [a, b, c]) await detector.dispose();
    expect(await running).toEqual(first); // dispose waits for it
    expect(tf.memory().numTensors).toBe(0);
    await a.dispose();
    await expect(a.detect(pictures)).rejects.toThrow('RegionDetector.detect: the detector was disposed; load it again');
  });
});

describe('inspectDetector', () => {
  test.each(Object.entries(DETECTOR_FILES))('tells what %s is, before and after its conversion', async (name, file) => {
    const config = narrowDetector(name);
    const foreign = await inspectDetector(join(FOLDER, file));
    // The fixtures have few channels, so that they are none of the known detectors.
    expect(foreign).toMatchObject({ layout: KEYS[name]?.[0], name: null, candidates: [], config: null, dim: null });
    expect(foreign?.notes).toEqual([expect.stringMatching(/^its settings are unknown: /)]);
    expect(foreign?.tensors).toHaveLength(KEYS[name]?.[1] ?? 0);
    const folder = await writeDetector(temporaryFolder(), name as keyof typeof DETECTOR_FILES);
    const own = await inspectDetector(folder);
    const rows = [...detectorTensors(config)].map(([key, shape]) => ({
      ...{ key, dtype: 'F32', shape, meaning: key },
      bytes: 4 * shape.reduce((a, b) => a * b, 1),
    }));
    expect(own).toMatchObject({ layout: 'own', format: 'safetensors', name, candidates: [], config, notes: [] });
    expect(new Set(own?.tensors)).toEqual(new Set(rows));
    expect(own?.dim).toBe(name === 'vg-r101-c4' ? 32 : 20);
  });

  test('names the known detectors that a published file fits, and what each tensor is for', async () => {
    const path = join(scratch, 'model_final.safetensors');
    await writeHeader(path, 'detectron2', namedDetector('coco-r101-fpn'));
    const found = await inspectDetector(path);
    expect(found).toMatchObject({
      ...{ layout: 'detectron2', name: null, candidates: ['coco-r101-fpn', 'coco-r101-fpn-notebook'], notes: [] },
      ...{ config: namedDetector('coco-r101-fpn'), dim: 1024, parameters: 60_850_528 },
    });
    expect(found?.classNames[0]).toBe('person');
    const meanings = new Map(found?.tensors.map(({ key, meaning }) => [key, meaning]));
    expect(meanings.get('roi_heads.box_head.fc1.bias')).toBe('head.fc6.bias');
    expect(meanings.get('backbone.bottom_up.stem.conv1.norm.running_var')).toBe('folded into backbone.stem.conv1');
  });

  test('is null for a checkpoint of VisualBERT, and says what is missing of a detector', async () => {
    const checkpoint = join('test', 'fixtures', 'checkpoints', 'tiny-vqa');
    expect(await inspectDetector(checkpoint)).toBe(null);
    expect(await inspectDetector(join(checkpoint, 'model.safetensors'))).toBe(null);
    const folder = await writeDetector(temporaryFolder(), 'mmf-x101');
    const path = join(folder, 'config.json');
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), attributes: 7 }));
    expect((await inspectDetector(folder))?.notes).toEqual([expect.stringContaining('tensors missing: predictor.')]);
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), attributes: 'none' }));
    await expect(inspectDetector(folder)).rejects.toThrow(`${path}: attributes: expected a number, received "none"`);
    await expect(inspectDetector(join(scratch, 'nowhere'))).rejects.toThrow('nowhere: expected a folder');
  });
});

test('neither a detector nor a model is converted over the other, and each replaces its own kind', async () => {
  const config = narrowDetector('coco-r101-fpn');
  const source = join(FOLDER, DETECTOR_FILES['coco-r101-fpn'] as string);
  const detector = await writeDetector(temporaryFolder(), 'mmf-x101');
  const checkpoint = join('test', 'fixtures', 'checkpoints', 'tiny-vqa');
  const model = temporaryFolder();
  await convertCheckpoint(checkpoint, { outDir: model });
  const before = readFileSync(join(model, 'model.safetensors'));
  const refused = (caller: string, what: string, folder: string, found: string): string =>
    `${caller}: expected a folder without another model, whose weights or config.json a ${what} would replace; received ${folder}, ` +
    `which holds ${found}; name another folder, such as ${join(folder, what)}`;
  await expect(convertDetector(source, { detector: config, outDir: model })).rejects.toThrow(
    new ConfigError(refused('convertDetector', 'detector', model, 'config.json')),
  );
  expect(readFileSync(join(model, 'model.safetensors')).equals(before)).toBe(true);
  const weights = temporaryFolder();
  writeFileSync(join(weights, 'model.safetensors'), before);
  await expect(convertDetector(source, { detector: config, outDir: weights })).rejects.toThrow(
    refused('convertDetector', 'detector', weights, 'model.safetensors'),
  );
  await expect(convertCheckpoint(checkpoint, { outDir: detector })).rejects.toThrow(
    new ConfigError(refused('convertCheckpoint', 'model', detector, 'a detector')),
  );
  await convertDetector(source, { detector: config, outDir: detector });
  expect((await inspectDetector(detector))?.config).toEqual(config);
  await convertCheckpoint(checkpoint, { outDir: model, dtype: 'float16' });
});

/** A file of the size and header of a published one, without values. */
async function writeHeader(path: string, name: DetectorLayout['name'], config: DetectorConfig): Promise<void> {
  const layout = DETECTOR_LAYOUTS.find((one) => one.name === name) as DetectorLayout;
  let end = 0;
  const entries = detectorLayers(config).flatMap((layer) => {
    const { weight, bias, norm } = layout.keysOf(layer, config);
    const rows = [layer.shape[0] as number];
    const keys = [
      [weight, layer.shape] as const,
      ...[bias, ...Object.values(norm ?? {})].map((key) => [key, rows] as const),
    ];
    return keys.flatMap(([key, shape]) => {
      if (key === undefined) return [];
      const start = end;
      end += 4 * shape.reduce((a, b) => a * b, 1);
      return [[key, { dtype: 'F32', shape, data_offsets: [start, end] }] as const];
    });
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(path, Buffer.concat([length, header]));
  truncateSync(path, 8 + header.length + end);
}

describe('settings', () => {
  test('of every named detector are consistent, and have the width that its features are known by', () => {
    const dims = DETECTOR_NAMES.map((name) => [
      name,
      detectorTensors(namedDetector(name)).get('predictor.classes.weight'),
    ]);
    expect(dims).toEqual([
      ['vg-r101-c4', [1601, 2048]],
      ['mmf-x101', [1601, 2048]],
      ['mmf-x152', [1601, 2048]],
      ['detectron1-r101-fpn', [81, 1024]],
      ['coco-r101-fpn', [81, 1024]],
      ['coco-r101-fpn-notebook', [81, 1024]],
    ]);
  });

  test.each([
    [{ classes: 0 }, 'classes: expected a number of at least 1, received 0'],
    [{ classes: 2.5 }, 'classes: expected a whole number, received 2.5'],
    [{ color: 'RGB' }, /^DetectorConfig: settings: unknown color; known: backbone, pyramid, input, /],
    [{ classNames: ['cat', 'dog'] }, 'classNames: expected 80, one for each class, received 2'],
    [{ attributeNames: ['red'] }, 'attributeNames: expected 0, one for each attribute, received 1'],
    [{ pyramid: 0 }, /head.kind: expected layers with a pyramid, else res5, received "layers"/],
    [{ feature: 'mean' }, /feature: expected mean with the head res5, .*, received "mean"/],
    [{ feature: 'fc8' }, 'feature: expected one of mean, fc6, fc7, fc7-linear, received "fc8"'],
    [{ head: { kind: 'mlp' } }, 'head.kind: expected one of res5, layers, received "mlp"'],
    [{ anchors: { sizes: [], ratios: ['1'] } }, 'anchors.sizes: expected a list of at least 1, received 0; anchors.ratios.0: expected a number, received "1"'], // prettier-ignore
    [{ choice: { rule: 'best-class', minBoxes: 1, maxBoxes: 2 } }, 'choice.thresholds: expected a list, received none'],
    [{ isClassAgnostic: 'no' }, 'isClassAgnostic: expected true or false, received "no"'],
    [{ input: null }, 'input: expected an object, received null'],
  ])('%j is refused', (change, message) => {
    const expected = typeof message === 'string' ? new ConfigError(`DetectorConfig: ${message}`) : message;
    expect(() => checkedDetectorConfig({ ...namedDetector('coco-r101-fpn'), ...change })).toThrow(expected);
  });

  test('an unknown name is refused with the known ones', () => {
    expect(() => namedDetector('yolo')).toThrow(/one of vg-r101-c4, mmf-x101, .*, received yolo/);
  });
});
