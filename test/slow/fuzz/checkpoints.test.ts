// Twenty thousand damaged checkpoint files: no crash, no hang, no other error than CheckpointError.
import { expect, test } from '@jest/globals';
import { fuzzCheckpoints } from '../../helpers/fuzz/fuzz-checkpoints.js';

/** `.ci/run` takes a part: VISUALBERT_SLOW_SHARE between 0 and 1. */
const CASES = Math.round(20_000 * Number(process.env['VISUALBERT_SLOW_SHARE'] ?? 1));

test(`${CASES} damaged files are read or refused, never anything else`, async () => {
  const { read, refused } = await fuzzCheckpoints(1000, CASES);
  expect(read + refused).toBe(CASES);
}, 600_000);
