// Two hundred damaged tokenizers in Node and in the browser; the slow tier has more.
import { expect, test } from '@jest/globals';
import { setLogger } from '../../../src/logger.js';
import { fuzzTokenizers } from '../../helpers/fuzz/fuzz-tokenizers.js';

test('damaged files of a tokenizer are read or refused by an error that names the folder', async () => {
  setLogger({ info: () => undefined, warn: () => undefined });
  const { read, refused } = await fuzzTokenizers(1, 200);
  setLogger(null);
  expect(read + refused).toBe(400);
  expect(Math.min(read, refused)).toBeGreaterThan(50);
});
