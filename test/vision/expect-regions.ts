// Compares a detector's results with those of PyTorch in the fixtures.
import { expect } from '@jest/globals';
import type { RawTensor } from '../../src/raw-tensor.js';
import type { DetectedRegions } from '../../src/vision/region-detector.js';

/** Fifty convolutions in another order of summation; relative to the largest value of a stage. */
const TOLERANCE = 1e-4;

/** Differences relative to the largest value. */
export function expectNear(received: ArrayLike<number>, expected: RawTensor, what: string): void {
  const values = expected.data as Float32Array;
  expect([what, received.length]).toEqual([what, values.length]);
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  let worst = 0;
  for (let i = 0; i < values.length; i++)
    worst = Math.max(worst, Math.abs((received[i] as number) - (values[i] as number)));
  expect({ what, isNear: worst / largest < TOLERANCE, worst: worst / largest }).toMatchObject({ what, isNear: true });
}

/** Compares with the fixture's regions of one picture. */
export function expectRegions(regions: DetectedRegions, tensors: Map<string, RawTensor>, path: string): void {
  const expected = (stage: string): RawTensor => tensors.get(`${path}/${stage}`) as RawTensor;
  expectNear(regions.scores, expected('scores'), 'scores');
  expectNear(regions.boxes, expected('boxes'), 'boxes');
  expect([...regions.classes]).toEqual([...(expected('classes').data as Int32Array)]);
  expectNear(regions.features, expected('kept'), 'features');
  if (regions.attributes === undefined) return;
  expect([...regions.attributes]).toEqual([...(expected('attributes').data as Int32Array)]);
  expectNear(regions.attributeScores as Float32Array, expected('attributeScores'), 'attribute scores');
}
