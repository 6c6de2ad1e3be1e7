// A few hundred damaged files; test/slow has twenty thousand.
import { expect, test } from '@jest/globals';
import { fuzzCheckpoints } from '../helpers/fuzz/fuzz-checkpoints.js';

test('damaged files are read or refused, never anything else', async () => {
  const { read, refused } = await fuzzCheckpoints(0, 400);
  expect(read + refused).toBe(400);
  expect(refused).toBeGreaterThan(100);
});
