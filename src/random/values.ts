// Reproducible random arrays in plain JavaScript: uniform values, normal values and permutations, each from a seed and a stream name.
import { hash32, philoxBits } from './philox.js';
import { requireKinds } from '../options.js';

/**
 * `count` float32 in [0, 1) of the stream (seed, step, salt): bit for bit the values of the kernel `PhiloxUniform`.
 * @param firstBlock number of skipped blocks of four values
 * @example
 * uniformValues(2, 7, 0, 42); // [0.7603, 0.3524], as philoxUniform([2], philoxKey(7, 0), 42)
 */
export function uniformValues(count: number, seed: number, step: number, salt: number, firstBlock = 0): Float32Array {
  const bits = philoxBits(count, seed, step, salt, firstBlock);
  for (let i = 0; i < count; i++) bits[i] = ((bits[i] as number) & 0x7fffff) | 0x3f800000; // a float32 in [1, 2)
  const values = new Float32Array(bits.buffer, bits.byteOffset, count);
  for (let i = 0; i < count; i++) values[i] = (values[i] as number) - 1;
  return values;
}

export interface NormalOptions {
  seed: number;
  /** Name of the stream, such as a parameter's name: each name has its own values, whatever else is drawn. */
  name: string;
  stddev: number;
  mean?: number;
}

/**
 * `count` float32 of a plain (not truncated) normal distribution, by Box and Muller in float64.
 * @example
 * normalValues(3, { seed: 0, name: 'w', stddev: 0.02 }); // [-0.0156, 0.0062, -0.0083]
 */
export function normalValues(count: number, options: NormalOptions): Float32Array {
  requireKinds('normalValues', { 'an object': { options } });
  const { seed, name, stddev, mean = 0 } = options;
  const bits = philoxBits(count + (count % 2), seed, hash32(name), 0);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const uniform = (((bits[i] as number) >>> 0) + 1) / 2 ** 32; // (0, 1]
    const radius = stddev * Math.sqrt(-2 * Math.log(uniform));
    const angle = (((bits[i + 1] as number) >>> 0) / 2 ** 32) * 2 * Math.PI;
    values[i] = mean + radius * Math.cos(angle);
    if (i + 1 < count) values[i + 1] = mean + radius * Math.sin(angle);
  }
  return values;
}

/**
 * A permutation of 0 to n - 1 for a seed and epoch (Fisher and Yates).
 * @example
 * permutation(4, 0, 1); // [3, 1, 0, 2]
 */
export function permutation(n: number, seed: number, epoch: number): Int32Array {
  const bits = philoxBits(n, seed, epoch, hash32('permutation'));
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor((((bits[i] as number) >>> 0) / 2 ** 32) * (i + 1));
    const kept = order[i] as number;
    order[i] = order[j] as number;
    order[j] = kept;
  }
  return order;
}
