// Probabilities and the best classes, by hand.
import { describe, expect, test } from '@jest/globals';
import { bestClasses, softmax } from '../src/scores.js';

test('softmax does not overflow, and sums to 1', () => {
  const [a = NaN, b = NaN] = softmax([1000, 1000 + Math.log(3)]);
  expect(a).toBeCloseTo(0.25, 12);
  expect(b).toBeCloseTo(0.75, 12);
  expect(softmax([])).toEqual(new Float64Array());
});

describe('bestClasses', () => {
  const scores = [0.1, 0.5, 0.2, 0.5, 0.9];

  test.each([1, 3, 4, 5, Infinity])('gives the best %d, ties by index, never the excluded class', (topK) => {
    const order = [1, 3, 2, 0].map((index) => ({ index, score: scores[index] }));
    expect(bestClasses(scores, topK, 4)).toEqual(order.slice(0, topK));
  });

  test('refuses to give none', () => {
    expect(() => bestClasses(scores, 0)).toThrow('topK: expected at least 1 answer, received 0');
  });
});
