// Philox against the published test vectors of Random123, and the properties that the rest of the package relies on.
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { hash32, philoxBits } from '../../src/random/philox.js';
import { philoxKey, philoxUniform } from '../../src/random/philox-uniform.js';
import { normalValues, permutation, uniformValues } from '../../src/random/values.js';

const hex = (bits: Int32Array): string => [...bits].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join(' ');

describe('philoxBits', () => {
  test('gives the known answer for counter 0 and key 0', () => {
    // kat_vectors of Random123: philox4x32 10 00000000 00000000 00000000 00000000 00000000 00000000
    expect(hex(philoxBits(4, 0, 0, 0))).toBe('6627e8d5 e169c58d bc57ac4c 9b00dbd8');
  });
  test('a longer draw starts with the shorter one', () => {
    expect([...philoxBits(9, 3, 4, 5)].slice(0, 6)).toEqual([...philoxBits(6, 3, 4, 5)]);
  });
  test('key, second key word and salt each change the bits', () => {
    const draws = [philoxBits(4, 1, 2, 3), philoxBits(4, 0, 2, 3), philoxBits(4, 1, 0, 3), philoxBits(4, 1, 2, 0)].map(
      hex,
    );
    expect(new Set(draws).size).toBe(4);
  });
});

describe('hash32', () => {
  test('is FNV-1a', () => {
    expect(hash32('')).toBe(0x811c9dc5); // the offset basis, and two vectors of the FNV reference code
    expect(hash32('a')).toBe(0xe40c292c);
    expect(hash32('foobar')).toBe(0xbf9cf968);
  });
});

describe('values', () => {
  test('uniform values take the low 23 bits of each word as mantissa', () => {
    expect([...uniformValues(2, 0, 0, 0)]).toEqual([
      (0x6627e8d5 & 0x7fffff) / 2 ** 23,
      (0xe169c58d & 0x7fffff) / 2 ** 23,
    ]);
  });
  test('normal values have the asked mean, spread and tails', () => {
    const values = normalValues(100_001, { seed: 0, name: 'w', stddev: 0.02, mean: 1 });
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const stddev = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
    expect(Math.abs(mean - 1)).toBeLessThan(4 * (0.02 / Math.sqrt(100_001))); // 4 standard errors
    expect(Math.abs(stddev - 0.02)).toBeLessThan(4 * (0.02 / Math.sqrt(200_002)));
    const beyondTwo = values.filter((x) => Math.abs(x - 1) > 0.04).length / values.length;
    expect(Math.abs(beyondTwo - 0.0455)).toBeLessThan(0.003); // a truncated normal would have none
  });
  test('another name or seed gives other normal values', () => {
    const draw = (seed: number, name: string): number => normalValues(1, { seed, name, stddev: 1 })[0] as number;
    expect(new Set([draw(0, 'a'), draw(1, 'a'), draw(0, 'b')]).size).toBe(3);
  });
  test('a permutation holds every index once and changes with seed and epoch', () => {
    const order = permutation(1000, 7, 0);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect([...permutation(1000, 7, 0)]).toEqual([...order]);
    expect([...permutation(1000, 7, 1)]).not.toEqual([...order]);
    expect([...permutation(1000, 8, 0)]).not.toEqual([...order]);
  });
});

describe('philoxUniform', () => {
  beforeAll(() => tf.setBackend('cpu'));
  test('equals uniformValues and leaks nothing', async () => {
    const key = philoxKey(-5, 3);
    const before = tf.memory().numTensors;
    const drawn = philoxUniform([3, 5], key, 0xfffffff0);
    expect(drawn.shape).toEqual([3, 5]);
    expect([...(await drawn.data())]).toEqual([...uniformValues(15, -5, 3, 0xfffffff0)]);
    drawn.dispose();
    expect(tf.memory().numTensors).toBe(before);
    key.dispose();
  });
});
