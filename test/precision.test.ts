// The precision of products that are computed op by op.
import { expect, test } from '@jest/globals';
import { currentPrecision, withPrecision } from '../src/precision.js';

test('a precision lasts as long as its function, also inside another, and when it throws', () => {
  const inside = withPrecision('fp16', () => [
    currentPrecision(),
    withPrecision('fp32', currentPrecision),
    currentPrecision(),
  ]);
  expect(inside).toEqual(['fp16', 'fp32', 'fp16']);
  expect(() =>
    withPrecision('fp16', () => {
      throw new Error('no result');
    }),
  ).toThrow('no result');
  expect(currentPrecision()).toBe('fp32');
});
