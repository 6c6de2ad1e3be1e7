// Padded batches, by hand.
import { expect, test } from '@jest/globals';
import type { RegionFeatures } from '../../src/features/region-features.js';
import { padBatch } from '../../src/processing/batch.js';

const regions = (...rows: [number, number][]): RegionFeatures => ({
  ...{ count: rows.length, dim: 2, features: Float32Array.from(rows.flat()) },
});
const text = { ids: [7], typeIds: [0] };
const buckets = { text: [2], regions: [3] };

test('padBatch writes regions over the zeros that it is given', () => {
  const memory = new Float32Array(16).fill(9);
  const zeros = (length: number): Float32Array => memory.subarray(0, length).fill(0);
  const examples = [regions([1, 2], [3, 4]), regions([5, 6])].map((one) => ({ text, regions: [one] }));
  const { visualEmbeds, visualAttentionMask, inputIds } = padBatch(examples, { buckets, padId: 0, zeros });
  expect(visualEmbeds).toMatchObject({ shape: [2, 3, 2] });
  expect([...(visualEmbeds?.data ?? [])]).toEqual([1, 2, 3, 4, 0, 0, 5, 6, 0, 0, 0, 0]);
  expect(visualEmbeds?.data.buffer).toBe(memory.buffer);
  expect([...(visualAttentionMask?.data ?? [])]).toEqual([1, 1, 0, 1, 0, 0]);
  expect([...(inputIds?.data ?? [])]).toEqual([7, 0, 7, 0]);
});
