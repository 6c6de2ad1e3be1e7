// Two thousand damaged files of each format of region features: no crash, no hang, no other error than one that names the file.
import { describe, expect, test } from '@jest/globals';
import { fuzzFiles } from '../../helpers/fuzz/fuzz.js';
import { featureSamples, readFeatures } from '../../helpers/fuzz/fuzz-features.js';
import { slowCount } from '../../helpers/slow-share.js';

const CASES = slowCount(2000);
const SAMPLES = await featureSamples();

describe(`${CASES} damaged files are read or refused, never anything else`, () => {
  test.each(Object.keys(SAMPLES))('%s', async (format) => {
    const { read, refused } = await fuzzFiles(SAMPLES[format] ?? [], 1, CASES, readFeatures);
    expect(read + refused).toBe(CASES);
    expect(refused).toBeGreaterThan(0);
  });
});
