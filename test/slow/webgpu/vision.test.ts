// Region detectors and VCR's feature extractor against PyTorch on WebGPU in Node, which cannot read a tensor synchronously.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { selectBackend } from '../../../src/engine/select-backend.js';
import type { RawTensor } from '../../../src/raw-tensor.js';
import { locateRegions, pixelTable } from '../../../src/vision/layers/region-maps.js';
import { roiAlign } from '../../../src/vision/layers/roi-align.js';
import { RegionDetector } from '../../../src/vision/region-detector.js';
import { VcrFeatureExtractor } from '../../../src/vision/vcr-feature-extractor.js';
import { useBackend } from '../../helpers/backend.js';
import { drawnPicture, readFixture } from '../../helpers/parity/fixtures.js';
import { expectNear, expectRegions } from '../../vision/expect-regions.js';
import { DETECTOR_FILES, narrowDetector } from '../../vision/narrow.js';

const hasDevice = process.env['VK_ICD_FILENAMES'] !== undefined; // by jest.slow.config.mjs
if (!hasDevice) process.stderr.write('skipped: detectors on WebGPU, for there is no device\n');

(hasDevice ? describe : describe.skip)('on WebGPU', () => {
  beforeAll(async () => {
    await selectBackend({ backend: 'webgpu' });
  });
  afterAll(async () => {
    await useBackend();
  });

  test.each(Object.entries(DETECTOR_FILES))('the detector %s hands out the same regions', async (name, file) => {
    const path = join('test', 'fixtures', 'vision', file);
    const detector = await RegionDetector.fromPretrained(path, { detector: narrowDetector(name) });
    const [regions] = await detector.detect([drawnPicture(300, 1)]);
    expectRegions(regions as NonNullable<typeof regions>, readFixture(name, 'vision').tensors, 'line/0');
    await detector.dispose();
  });

  test.each([
    [0, false, 'align/0/0'],
    [0, true, 'align/0/1'],
    [2, false, 'align/2/0'],
    [2, true, 'align/2/1'],
  ] as const)('RoIAlign with sampling %d, aligned %s, agrees for any boxes', async (sampling, isAligned, name) => {
    const { tensors } = readFixture('parts', 'vision');
    const cells = tf.tidy(() => {
      const [maps, given] = ['maps', 'regions'].map((key) => {
        const { data, shape } = tensors.get(key) as RawTensor;
        return tf.tensor(data, shape as [number, number]);
      }) as tf.Tensor[] as [tf.Tensor4D, tf.Tensor2D];
      const [images, boxes] = tf.split(given, [1, 4], 1) as [tf.Tensor2D, tf.Tensor2D];
      const numbers = tf.cast(tf.squeeze<tf.Tensor1D>(images, [1]), 'int32');
      const table = pixelTable([maps]);
      const levels = tf.zeros<tf.Rank.R1>(numbers.shape, 'int32');
      const located = locateRegions(boxes, table, { levels, images: numbers, scales: [1 / 16] });
      return roiAlign(table, located, { bins: 3, sampling, isAligned });
    });
    expectNear(await cells.data(), tensors.get(name) as RawTensor, name);
    cells.dispose();
  });

  test('the feature extractor of VCR computes the same features', async () => {
    const { tensors } = readFixture('expected', 'vcr');
    const expected = (name: string): RawTensor => tensors.get(name) as RawTensor;
    const extractor = await VcrFeatureExtractor.load(join('test', 'fixtures', 'vcr', 'detector.safetensors'));
    const { shape, data } = expected('small/picture');
    const picture = tf.tensor3d(data as Float32Array, shape as [number, number, number]);
    const [boxes, masks] = ['roi/boxes', 'small/masks'].map((name) => expected(name).data) as [Float32Array, Float32Array]; // prettier-ignore
    const features = extractor.run({ picture, boxes, masks, kinds: expected('small/kinds').data as Int32Array });
    expectNear(await features.data(), expected('small/features'), 'features');
    tf.dispose([picture, features]);
    extractor.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });
});
