// Region detectors and VCR's feature extractor against PyTorch on WebGPU in Node, which cannot read a tensor synchronously.
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import type { RawTensor } from '../../../src/raw-tensor.js';
import { RegionDetector } from '../../../src/vision/region-detector.js';
import { VcrFeatureExtractor } from '../../../src/vision/vcr-feature-extractor.js';
import { describeOnWebGpu } from '../../helpers/machine/webgpu.js';
import { drawnPicture, readFixture } from '../../helpers/parity/fixtures.js';
import { expectNear, expectRegions } from '../../vision/expect-regions.js';
import { DETECTOR_FILES, narrowDetector } from '../../vision/narrow.js';
import { alignedCells, ROI_ALIGN_CASES } from '../../vision/roi-align-cases.js';

describeOnWebGpu('detectors on WebGPU', () => {
  test.each(Object.entries(DETECTOR_FILES))('the detector %s hands out the same regions', async (name, file) => {
    const path = join('test', 'fixtures', 'vision', file);
    const detector = await RegionDetector.fromPretrained(path, { detector: narrowDetector(name) });
    const [regions] = await detector.detect([drawnPicture(300, 1)]);
    expectRegions(regions as NonNullable<typeof regions>, readFixture(name, 'vision').tensors, 'line/0');
    await detector.dispose();
  });

  test.each(ROI_ALIGN_CASES)('RoIAlign with sampling %d, aligned %s, agrees for any boxes', async (...one) => {
    const { tensors } = readFixture('parts', 'vision');
    const [, , name] = one;
    const cells = alignedCells(tensors, one);
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
