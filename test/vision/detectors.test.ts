// Region detectors: every stage from the picture to the features, against PyTorch, torchvision, Pillow and OpenCV.
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { selectBackend } from '../../src/engine/select-backend.js';
import type { RgbImage } from '../../src/pictures/rgb-image.js';
import type { RawTensor } from '../../src/raw-tensor.js';
import { featureMaps } from '../../src/vision/detector/backbone.js';
import type { DetectorConfig } from '../../src/vision/detector/config.js';
import { createCompiledPass } from '../../src/vision/detector/compiled-pass.js';
import { runDetector } from '../../src/vision/detector/forward.js';
import { regionVectors } from '../../src/vision/detector/head.js';
import type { DetectorNetwork } from '../../src/vision/detector/network.js';
import { createRegionCutter } from '../../src/vision/detector/pooling.js';
import { batchPictures, preparePicture } from '../../src/vision/detector/preprocess.js';
import { namedDetector } from '../../src/vision/detector/presets.js';
import { runStage } from '../../src/vision/layers/resnet.js';
import { pixelDetector } from '../../src/vision/pixel-detector.js';
import { RegionDetector } from '../../src/vision/region-detector.js';
import { openDetector } from '../../src/vision/weights/open.js';
import { planWeights } from '../../src/vision/weights/plan.js';
import { readNetwork } from '../../src/vision/weights/read.js';
import { useBackend } from '../helpers/backend.js';
import { drawnPicture, readFixture } from '../helpers/parity/fixtures.js';
import { expectNear, expectRegions } from './expect-regions.js';
import { DETECTOR_FILES, narrowDetector } from './narrow.js';

const FOLDER = join('test', 'fixtures', 'vision');
const { backend, reason } = await useBackend();
if (backend !== 'tensorflow') process.stderr.write(`tests of recorded detectors are skipped: ${reason}\n`);
const onEngine = backend === 'tensorflow' ? test : test.skip;

/** Every `step`-th row of an axis. */
function every(values: tf.Tensor, axis: number, step: number): tf.Tensor {
  return tf.tidy(() => tf.gather(values, tf.range(0, values.shape[axis] as number, step, 'int32'), axis));
}

test('what is no picture is named, by a detector and by one that describes boxes by their pixels', async () => {
  const detector = new RegionDetector(narrowDetector('coco-r101-fpn'));
  const regions = { features: new Float32Array(2), dim: 2, count: 1 };
  const both = [detector, pixelDetector(detector, { cells: 2, look: 'form' })];
  for (const one of both) {
    await expect(one.detect([regions as unknown as string])).rejects.toThrow(
      'received region features; they need no detector',
    );
    await expect(one.detect([{} as unknown as string])).rejects.toThrow('received an empty object');
  }
  await detector.dispose();
});

test('a detector whose first pass was refused is freed all the same', async () => {
  const before = tf.memory().numTensors;
  const detector = new RegionDetector(narrowDetector('coco-r101-fpn'), { precision: 'bf16', compile: false });
  await expect(detector.detect([drawnPicture(40, 30)])).rejects.toThrow('precision "bf16" needs the native engine');
  await detector.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

describe.each(Object.entries(DETECTOR_FILES))('%s', (name, file) => {
  const { tensors, meta } = readFixture(name, 'vision');
  const { pictures } = meta as unknown as { pictures: Record<string, [number, number]> };
  const config = narrowDetector(name);
  const images = Object.values(pictures).map(([width, height]) => drawnPicture(width, height)) as [
    RgbImage,
    RgbImage,
    RgbImage,
  ];
  const cases: [string, RgbImage[]][] = [
    ['batch', images.slice(0, 2)],
    ['line', images.slice(2)],
  ];
  const expected = (stage: string): RawTensor => tensors.get(stage) as RawTensor;
  let network: DetectorNetwork;

  beforeAll(async () => {
    await useBackend();
    const opened = await openDetector(join(FOLDER, file), { detector: config });
    network = await readNetwork(planWeights(opened.file, config));
    await opened.file.close();
  });
  afterAll(() => {
    tf.dispose(network as unknown as tf.TensorContainer);
  });

  test.each(cases)('%s: pixels are resized and normalised as the original does', (key, some) => {
    some.forEach((image, i) => {
      const { pixels, width, height } = preparePicture(image, config);
      const seen: number[] = [];
      for (let y = 0; y < height; y += 9)
        for (let x = 0; x < width; x += 11) seen.push(...pixels.subarray((y * width + x) * 3, (y * width + x) * 3 + 3));
      expectNear(seen, expected(`${key}/${i}/pixels`), 'pixels');
    });
  });

  test('maps of the backbone agree', () => {
    const { shape, pixels } = batchPictures(
      images.slice(0, 2).map((image) => preparePicture(image, config)),
      config,
    );
    tf.tidy(() => {
      featureMaps(tf.tensor4d(pixels, shape), network, config).maps.forEach((map, i) => {
        expectNear(every(every(map, 1, 2), 2, 3).dataSync(), expected(`batch/map${i}`), `map ${i}`);
      });
    });
  });

  test.each(cases)('%s: proposals, scores, regions and features agree', (key, some) => {
    const { shape, pixels, sizes } = batchPictures(
      some.map((image) => preparePicture(image, config)),
      config,
    );
    tf.tidy(() => {
      const input = tf.tensor4d(pixels, shape);
      const outputs = runDetector(input, tf.tensor2d(sizes, [shape[0], 2]), network, config);
      const maps = featureMaps(input, network, config);
      some.forEach((_, i) => {
        const wanted = expected(`${key}/${i}/proposals`);
        const count = wanted.shape[0] as number;
        const rows = (values: tf.Tensor): Float32Array =>
          values
            .slice([i, ...values.shape.slice(1).map(() => 0)], [1, count, ...values.shape.slice(2)])
            .dataSync() as Float32Array;
        expectNear(rows(outputs.objectness), expected(`${key}/${i}/objectness`), 'objectness');
        expectNear(rows(outputs.proposals), wanted, 'proposals');
        expectNear(rows(outputs.probabilities), expected(`${key}/${i}/probabilities`), 'probabilities');
        expectNear(rows(outputs.features), expected(`${key}/${i}/features`), 'features');
        const boxes = tf.tensor2d(rows(outputs.proposals).slice(0, 8), [2, 4]);
        const regions = createRegionCutter(maps, boxes, tf.tensor1d([i, i], 'int32'), config).cut(0, 2);
        expectNear(every(every(regions, 1, 2), 2, 2).dataSync(), expected(`${key}/${i}/regions`), 'regions');
        // Rows behind the last proposal are marked.
        const [, p] = outputs.objectness.shape;
        const marks = outputs.objectness.slice([i, count], [1, p - count]).dataSync();
        expect([...marks].every((score) => score === Number.NEGATIVE_INFINITY)).toBe(true);
      });
    });
  });

  test.each(cases)('%s: the regions handed out agree', async (key, some) => {
    const detector = new RegionDetector(config, { network, compile: false });
    const found = await detector.detect(some, { batchSize: 2 });
    found.forEach((regions, i) => expectRegions(regions, tensors, `${key}/${i}`));
  });

  onEngine('a recorded detector hands out the same, whatever the shapes', async () => {
    const detector = await RegionDetector.fromPretrained(join(FOLDER, file), { detector: config, compile: true });
    for (const [key, some] of cases) {
      const found = await detector.detect(some, { batchSize: 2 });
      found.forEach((regions, i) => expectRegions(regions, tensors, `${key}/${i}`));
    }
    await detector.dispose();
  });

  onEngine('in bf16 a recorded detector rates about the same', async () => {
    const opened = await openDetector(join(FOLDER, file), { detector: config });
    const pass = await createCompiledPass(await readNetwork(planWeights(opened.file, config)), config, 'bf16');
    await opened.file.close();
    const prepared = images.slice(0, 1).map((image) => preparePicture(image, config));
    const { objectness } = await pass.run(batchPictures(prepared, config, pass.shapes));
    await pass.dispose();
    const wanted = expected('batch/0/objectness').data as Float32Array;
    const mean = (values: Float32Array): number => values.reduce((sum, value) => sum + value / values.length, 0);
    // PyTorch's autocast, too, changes maps by a tenth: random weights pass on every rounding.
    expect(Math.abs(mean(objectness) / mean(wanted) - 1)).toBeLessThan(0.25);
  });
});

/** Calls a function with the fixture's network for changed settings, and a batch of its first two pictures. */
async function withChanges(
  name: keyof typeof DETECTOR_FILES,
  changes: Partial<DetectorConfig>,
  use: (made: { config: DetectorConfig; network: DetectorNetwork; input: tf.Tensor4D; sizes: tf.Tensor2D }) => void,
): Promise<void> {
  const config = { ...narrowDetector(name), ...changes };
  const opened = await openDetector(join(FOLDER, DETECTOR_FILES[name]), { detector: config });
  const network = await readNetwork(planWeights(opened.file, config));
  await opened.file.close();
  const { pictures } = readFixture(name, 'vision').meta as unknown as { pictures: Record<string, [number, number]> };
  const images = Object.values(pictures)
    .slice(0, 2)
    .map(([width, height]) => drawnPicture(width, height));
  const { shape, pixels, sizes } = batchPictures(
    images.map((image) => preparePicture(image, config)),
    config,
  );
  try {
    tf.tidy(() =>
      use({ config, network, input: tf.tensor4d(pixels, shape), sizes: tf.tensor2d(sizes, [shape[0], 2]) }),
    );
  } finally {
    tf.dispose(network as unknown as tf.TensorContainer);
  }
}

test("the notebook's features are those of the detector before their ReLU", async () => {
  const { feature } = namedDetector('coco-r101-fpn-notebook');
  const { tensors } = readFixture('coco-r101-fpn', 'vision');
  await withChanges('coco-r101-fpn', { feature }, ({ config, network, input, sizes }) => {
    const { features } = runDetector(input, sizes, network, config);
    const expected = tensors.get('batch/0/features') as RawTensor;
    const first = features.slice([0, 0, 0], [1, expected.shape[0] as number, -1]);
    expectNear(tf.relu(first).dataSync(), expected, 'features');
    expect(tf.min(first).dataSync()[0]).toBeLessThan(0);
  });
});

test('a last stage with a stride computes every second pixel of one with a dilation, on regions of RoIAlign too', async () => {
  const pooling = { kind: 'roi-align', bins: 14, sampling: 0, isAligned: true } as const;
  const head = { kind: 'res5', isDilated: false } as const;
  await withChanges('vg-r101-c4', { pooling, head }, ({ config, network: strided, input }) => {
    const boxes = tf.tensor2d([3, 5, 60, 70, 20, 0, 90, 31], [2, 4]);
    const regions = createRegionCutter(
      featureMaps(input, strided, config),
      boxes,
      tf.tensor1d([0, 1], 'int32'),
      config,
    );
    const { features } = regionVectors(regions, 2, strided, config);
    if (strided.head.kind !== 'res5') throw new Error('expected a last stage');
    const dilated = strided.head.stage.map((block) => ({ ...block, stride: 1, dilation: 2 }) as const);
    // At even pixels a dilation of 2 meets even pixels only.
    const even = every(every(runStage(regions.cut(0, 2), dilated), 1, 2), 2, 2);
    expect(even.shape).toEqual([2, 7, 7, 32]);
    const expected = tf.mean(even, [1, 2]);
    expectNear(
      features.dataSync(),
      { dtype: 'float32', shape: [2, 32], data: expected.dataSync() as Float32Array },
      'means',
    );
  });
});

describe('on the wasm backend', () => {
  beforeAll(async () => {
    await selectBackend({ backend: 'wasm' });
  });
  afterAll(async () => {
    await useBackend();
  });

  test.each(Object.entries(DETECTOR_FILES))('%s hands out the same regions', async (name, file) => {
    const detector = await RegionDetector.fromPretrained(join(FOLDER, file), { detector: narrowDetector(name) });
    const { tensors } = readFixture(name, 'vision');
    const [regions] = await detector.detect([drawnPicture(300, 1)]);
    for (const [what, values] of [
      ['scores', regions?.scores],
      ['boxes', regions?.boxes],
      ['kept', regions?.features],
    ] as const)
      // prettier-ignore
      expectNear(values as Float32Array, tensors.get(`line/0/${what}`) as RawTensor, what);
    await detector.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });
});
