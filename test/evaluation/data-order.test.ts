// The order of examples in epochs and evaluations.
import { describe, expect, test } from '@jest/globals';
import { epochBatches, evaluationBatches } from '../../src/evaluation/data-order.js';
import { points } from '../helpers/tiny-task.js';

const OPTIONS = { batchSize: 8, seed: 5, shuffle: true, groupByLength: false };
const sorted = (batches: number[][]): number[] => batches.flat().sort((a, b) => a - b);

describe('epochBatches', () => {
  test('holds every example once, in an order of seed and epoch alone', () => {
    const data = points(37, 1);
    const batches = epochBatches(data, 2, OPTIONS);
    expect(batches.map(({ length }) => length)).toEqual([8, 8, 8, 8, 5]);
    expect(sorted(batches)).toEqual(Array.from({ length: 37 }, (_, i) => i));
    expect(epochBatches(data, 2, OPTIONS)).toEqual(batches);
    expect(epochBatches(data, 3, OPTIONS)).not.toEqual(batches);
    expect(epochBatches(data, 2, { ...OPTIONS, seed: 6 })).not.toEqual(batches);
  });

  test('puts like lengths together when asked, the short batch last', () => {
    const data = points(700, 1);
    const spread = (batches: number[][]): number =>
      Math.max(...batches.map((batch) => Math.max(...batch.map((i) => i % 7)) - Math.min(...batch.map((i) => i % 7))));
    const grouped = epochBatches(data, 0, { ...OPTIONS, groupByLength: true });
    expect(sorted(grouped)).toEqual(Array.from({ length: 700 }, (_, i) => i));
    expect(grouped.at(-1)).toHaveLength(4);
    expect(spread(grouped)).toBeLessThanOrEqual(1);
    expect(spread(epochBatches(data, 0, OPTIONS))).toBeGreaterThan(3);
    expect(spread(evaluationBatches(data, 8))).toBeLessThanOrEqual(1);
  });
});
