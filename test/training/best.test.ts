import { expect, test } from '@jest/globals';
import { isBetter } from '../../src/training/best.js';

const accuracy = { primaryMetric: 'accuracy', greaterIsBetter: true };
const distance = { primaryMetric: 'distance', greaterIsBetter: false };

test('the primary metric decides, in its direction', () => {
  expect(isBetter({ accuracy: 60, loss: 9 }, { accuracy: 50, loss: 1 }, accuracy)).toBe(true);
  expect(isBetter({ accuracy: 40, loss: 0 }, { accuracy: 50, loss: 1 }, accuracy)).toBe(false);
  expect(isBetter({ distance: 1 }, { distance: 2 }, distance)).toBe(true);
  expect(isBetter({ distance: 3 }, { distance: 2 }, distance)).toBe(false);
});

test('of equal ones the lower validation loss decides, where both have one', () => {
  expect(isBetter({ accuracy: 50, loss: 0.1 }, { accuracy: 50, loss: 0.7 }, accuracy)).toBe(true);
  expect(isBetter({ accuracy: 50, loss: 0.7 }, { accuracy: 50, loss: 0.7 }, accuracy)).toBe(false);
  expect(isBetter({ accuracy: 50, loss: NaN }, { accuracy: 50, loss: 0.7 }, accuracy)).toBe(false);
  expect(isBetter({ accuracy: 50 }, { accuracy: 50, loss: 0.7 }, accuracy)).toBe(false);
});

test('a value that is not finite is never better, and any that is beats none', () => {
  expect(isBetter({ accuracy: NaN }, null, accuracy)).toBe(false);
  expect(isBetter({ accuracy: 0 }, null, accuracy)).toBe(true);
});
