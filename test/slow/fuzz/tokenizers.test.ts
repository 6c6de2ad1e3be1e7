// Five thousand damaged tokenizers: no crash, no hang, no other error than one that names the folder.
import { expect, test } from '@jest/globals';
import { setLogger } from '../../../src/logger.js';
import { fuzzTokenizers } from '../../helpers/fuzz/fuzz-tokenizers.js';
import { slowCount } from '../../helpers/slow-share.js';

const CASES = slowCount(5000);

test(`${CASES} damaged tokenizers are read or refused, never anything else`, async () => {
  setLogger({ info: () => undefined, warn: () => undefined });
  const { read, refused } = await fuzzTokenizers(1000, CASES);
  setLogger(null);
  expect(read + refused).toBe(2 * CASES);
});
