// Initial values of weights: a function of the parameter's full name, so that adding a layer changes no other weight.
import { tf } from '#tf';
import { normalValues } from '../random/values.js';
import { sizeOf } from '../shapes.js';

/** How transformers fills a fresh parameter. */
export interface WeightInit {
  kind: 'normal' | 'zeros' | 'ones';
  /** Standard deviation of `normal` (plain, not truncated). */
  stddev?: number;
  /** A row that starts at zero: the padding row of the word table. */
  zeroRow?: number;
}

/** Makes the initial value of the parameter `name` (its full name in the model). The caller owns the tensor. */
export type WeightInitializer = (name: string, shape: number[], init: WeightInit) => tf.Tensor;

/**
 * Reproducible weights: each is drawn from the seed and a hash of its own name. 0 is an ordinary seed.
 * @example
 * const weight = seededInitializer(0)('cls.weight', [2, 12], { kind: 'normal', stddev: 0.02 }); // [2, 12] float32
 */
export function seededInitializer(seed: number): WeightInitializer {
  return (name, shape, { kind, stddev = 1, zeroRow }) => {
    if (kind === 'zeros') return tf.zeros(shape);
    if (kind === 'ones') return tf.ones(shape);
    const values = normalValues(sizeOf(shape), { seed, name, stddev });
    const width = shape.at(-1) ?? 1;
    if (zeroRow !== undefined) values.fill(0, zeroRow * width, (zeroRow + 1) * width);
    return tf.tensor(values, shape);
  };
}
