// VCR's feature extractor: every step from the picture on disk to the features, against Pillow, matplotlib, torchvision and PyTorch.
import { appendFileSync, cpSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openFeatureStore } from '../../src/features/store/read.js';
import { readVcrImages } from '../../src/records/vcr-images.js';
import { selectBackend } from '../../src/engine/select-backend.js';
import type { RawTensor } from '../../src/raw-tensor.js';
import { openTask } from '../../src/tasks/open-task.js';
import { objectMask } from '../../src/vision/object-mask.js';
import { readPicture } from '../../src/pictures/decode.js';
import { resizeBilinear } from '../../src/pictures/resize.js';
import { pixelTable, locateRegions } from '../../src/vision/layers/region-maps.js';
import { roiAlign } from '../../src/vision/layers/roi-align.js';
import { VcrFeatureExtractor } from '../../src/vision/vcr-feature-extractor.js';
import { writeVcrFeatures } from '../../src/vision/vcr-features.js';
import { readVcrScene, vcrRegions } from '../../src/vision/vcr-regions.js';
import { useBackend } from '../helpers/backend.js';
import { readFixture } from '../helpers/parity/fixtures.js';
import { expectNoLeak, toBeCloseToTensor } from '../helpers/tensors.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const FOLDER = join('test', 'fixtures', 'vcr');
const DETECTOR = join(FOLDER, 'detector.safetensors');
/** 13 convolutions in another order of summation. */
const TOLERANCE = 1e-4;

const { tensors, meta } = readFixture('expected', 'vcr');
const { canvas, still, resizes } = meta as unknown as {
  canvas: number;
  still: number;
  resizes: [number, number, number][];
};
const expected = (name: string): RawTensor => tensors.get(name) as RawTensor;
const tensorOf = ({ data, shape, dtype }: RawTensor): tf.Tensor => tf.tensor(data, shape, dtype);
const floats = (name: string): Float32Array => expected(name).data as Float32Array;

async function expectClose(received: tf.Tensor, name: string): Promise<void> {
  const target = tensorOf(expected(name));
  await toBeCloseToTensor(received, target, TOLERANCE);
  target.dispose();
}

/** A folder with the fixture's picture, metadata and annotations, and another record in place of the first. */
function copyWith(change: Record<string, unknown>): { folder: string; data: string[] } {
  const folder = temporaryFolder();
  cpSync(FOLDER, folder, { recursive: true });
  const record = JSON.parse(readFileSync(join(FOLDER, 'val.jsonl'), 'utf8')) as object;
  writeFileSync(join(folder, 'val.jsonl'), `${JSON.stringify({ ...record, ...change })}\n`);
  return { folder, data: [join(folder, 'val.jsonl')] };
}

describe('VCR pictures', () => {
  test('are read and resized to the bytes of Pillow', async () => {
    const picture = await readPicture(join(FOLDER, 'still.jpg'), { as: 'stored' });
    expect(crc32(picture.rgb)).toBe(still);
    for (const [width, height, checksum] of resizes) {
      expect([width, height, crc32(resizeBilinear(picture, width, height).rgb)]).toEqual([width, height, checksum]);
    }
  });

  test('become the canvas, boxes, masks and kinds that the authors feed', async () => {
    const [image] = await readVcrImages([join(FOLDER, 'val.jsonl')], FOLDER);
    const scene = await readVcrScene(image as NonNullable<typeof image>);
    expect(crc32(scene.canvas.rgb)).toBe(canvas);
    expect(scene.boxes).toEqual(expected('boxes').data);
    expect(scene.masks).toEqual(expected('masks').data);
    expect(scene.kinds).toEqual(expected('kinds').data);
    expect([...scene.pictureBoxes.subarray(0, 8)]).toEqual([0, 0, 1000, 420, 0, 0, 28, 28]);
  });

  test('an outline of fewer than three points holds nothing, and overlapping ones are joined', () => {
    const box = [0, 0, 14, 14];
    expect(objectMask(box, [[[0, 0], [14, 14]], []]).some(Boolean)).toBe(false); // prettier-ignore
    const halves = objectMask(box, [[[0, 0], [8, 0], [8, 14], [0, 14]], [[6, 0], [14, 0], [14, 14], [6, 14]]]); // prettier-ignore
    expect(halves.every((value) => value === 1)).toBe(true);
  });

  test.each([
    [{ img_fn: '../still.jpg' }, /val.jsonl, line 1: expected a path inside the folder of images/],
    [{ metadata_fn: '/etc/passwd' }, /expected a path inside the folder/],
    [{ img_fn: 'other.jpg' }, /other.jpg: expected a picture: no such file/],
    [
      { img_fn: 'still.json' },
      /still.json: expected a JPEG, PNG, WebP, GIF, AVIF or TIFF picture, found another format/,
    ],
    [{ metadata_fn: 'val.jsonl' }, /val.jsonl: expected VCR's boxes and segms/],
    [{ objects: ['person'] }, /still.json: expected 1 objects, as in the annotation, found 4 boxes/],
    [{ objects: ['person', 'person', 'cat', 'unicorn'] }, /the object "unicorn" is none of the 80 classes/],
  ])('%j is an error that names the file', async (change, message) => {
    const { folder, data } = copyWith(change);
    await expect(async () => {
      for (const image of await readVcrImages(data, folder)) await readVcrScene(image);
    }).rejects.toThrow(message);
  });

  test('a picture that is cut short, and two pictures under one id, are named', async () => {
    const { folder, data } = copyWith({});
    truncateSync(join(folder, 'still.jpg'), 9000);
    await expect(readPicture(join(folder, 'still.jpg'))).rejects.toThrow(
      /still.jpg: could not be decoded: .*premature end/,
    );
    appendFileSync(data[0] as string, readFileSync(data[0] as string, 'utf8').replace('still.jpg', 'other.jpg'));
    await expect(readVcrImages(data, folder)).rejects.toThrow(/line 2: image val-0 is .*other.jpg, and .*still.jpg/);
  });

  test('a box outside the picture is named', async () => {
    const { folder, data } = copyWith({ metadata_fn: 'wide.json' });
    const boxes = [[0, 0, 9, 9], [0, 0, 1000, 600], [1, 1, 2, 2], [1, 1, 2, 2]]; // prettier-ignore
    writeFileSync(join(folder, 'wide.json'), JSON.stringify({ boxes, segms: [[], [], [], []] }));
    const [image] = await readVcrImages(data, folder);
    await expect(readVcrScene(image as NonNullable<typeof image>)).rejects.toThrow(
      /wide.json, box 1: expected x1 < x2/,
    );
  });
});

describe.each(['best', 'wasm', 'cpu'] as const)('the VCR feature extractor on the %s backend', (backend) => {
  beforeAll(async () => {
    await (backend === 'best' ? useBackend() : selectBackend({ backend }));
  });
  afterAll(async () => {
    await useBackend();
  });

  test('RoIAlign agrees with torchvision inside, across and outside the picture, and for empty boxes', async () => {
    await expectNoLeak(async () => {
      const map = tensorOf(expected('roi/map')) as tf.Tensor3D;
      const regions = tf.tidy(() => {
        const boxes = tensorOf(expected('roi/boxes')) as tf.Tensor2D;
        const none = tf.zeros<tf.Rank.R1>([boxes.shape[0]], 'int32');
        const table = pixelTable([tf.expandDims(map, 0)]);
        const places = locateRegions(boxes, table, { levels: none, images: none, scales: [1 / 16] });
        return roiAlign(table, places, { bins: 7, sampling: 0, isAligned: false });
      });
      await expectClose(regions, 'roi/regions');
      return [map, regions];
    });
  });

  test('features agree with PyTorch', async () => {
    await expectNoLeak(async () => {
      const extractor = await VcrFeatureExtractor.load(DETECTOR);
      const picture = tensorOf(expected('small/picture')) as tf.Tensor3D;
      const kinds = expected('small/kinds').data as Int32Array;
      const features = extractor.run({ picture, boxes: floats('roi/boxes'), masks: floats('small/masks'), kinds });
      await expectClose(features, 'small/features');
      extractor.dispose();
      return [picture, features];
    });
  });
});

describe('VCR features', () => {
  beforeAll(async () => {
    await useBackend();
  });

  test('from the picture on disk agree with the authors’ chain in PyTorch', async () => {
    const extractor = await VcrFeatureExtractor.load(DETECTOR);
    const [image] = await readVcrImages([join(FOLDER, 'val.jsonl')], FOLDER);
    const regions = await vcrRegions(extractor, await readVcrScene(image as NonNullable<typeof image>));
    const features = tf.tensor(regions.features, [regions.count, regions.dim]);
    await expectClose(features, 'features');
    features.dispose();
    extractor.dispose();
  });

  test('are written for every picture once, gone on with after a failure, and read by the task', async () => {
    const { folder, data } = copyWith({});
    const [line = ''] = readFileSync(data[0] as string, 'utf8').split('\n');
    const record = JSON.parse(line) as object;
    const records = [
      record,
      { ...record, annot_id: 'val-1' },
      { ...record, annot_id: 'val-2', img_id: 'val-1', img_fn: 'missing.jpg' },
    ];
    writeFileSync(data[0] as string, records.map((one) => JSON.stringify(one)).join('\n'));
    const output = join(folder, 'vcr.vbf');
    const counts: string[] = [];
    const options = {
      data,
      images: folder,
      detector: folder,
      output,
      onImage: (done: number, all: number) => void counts.push(`${done}/${all}`),
    };
    await expect(writeVcrFeatures(options)).rejects.toThrow(/missing.jpg: expected a picture/);
    cpSync(join(folder, 'still.jpg'), join(folder, 'missing.jpg'));
    await writeVcrFeatures(options);
    expect(counts).toEqual(['1/2', '1/2', '2/2']);
    const store = await openFeatureStore(output);
    expect([store.dim, [...store.ids()]]).toEqual([12, ['val-0', 'val-1']]);
    expect(await store.read('val-1')).toMatchObject({ count: 5, imageWidth: 1000, imageHeight: 420 });
    await store.close();
    await expect(writeVcrFeatures(options)).rejects.toThrow(/vcr.vbf: already exists/);
    const task = await openTask('vcr', { data, features: [output] }, { purpose: 'train', model: null });
    const { choices } = (await task.data.example(0)) as { choices: { regions: { count: number }[] }[] };
    expect([task.data.length, choices[0]?.regions[0]?.count]).toEqual([3, 4]); // the picture, objects 0, 1 and 2
    await task.close();
  });

  test('reports weights of another network, and a folder without a feature extractor', async () => {
    const other = join('test', 'fixtures', 'checkpoints', 'tiny-vqa', 'model.safetensors');
    await expect(VcrFeatureExtractor.load(other)).rejects.toThrow(
      /expected "backbone.0.weight" \[\?, 3, 7, 7\], found no such tensor/,
    );
    const { folder, data } = copyWith({});
    const options = { data, images: folder, detector: join(folder, 'nothing'), output: join(folder, 'out.vbf') };
    await expect(writeVcrFeatures(options)).rejects.toThrow(/nothing: no such file; `visualbert convert`/);
  });
});
