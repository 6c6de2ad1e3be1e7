// Ways to compare tensors and to count them.
import * as tf from '@tensorflow/tfjs';
import { expect } from '@jest/globals';
import { sizeOf } from '../../src/shapes.js';

/** Fails with the worst index and both values when two tensors are further apart than `tolerance`, or differ in shape or dtype. */
export async function toBeCloseToTensor(received: tf.Tensor, expected: tf.Tensor, tolerance: number): Promise<void> {
  expect([received.shape, received.dtype]).toEqual([expected.shape, expected.dtype]);
  const [a, b] = [await received.data(), await expected.data()];
  let worst = { index: -1, received: 0, expected: 0, apart: -1 };
  a.forEach((value: number, index: number) => {
    const other = b[index] as number;
    const apart = Object.is(value, other) ? 0 : Math.abs(value - other);
    if (!(apart <= worst.apart)) worst = { index, received: value, expected: other, apart };
  });
  const within = worst.apart <= tolerance;
  expect(within ? 'within' : { ...worst, tolerance }).toBe('within');
}

/** Fixed, non-trivial values: a ramp that starts elsewhere for each name and never repeats within a row. */
export function rampWeights(name: string, shape: number[]): tf.Tensor {
  const start = [...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 17;
  return tf.tensor(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => (((i * 7 + start) % 23) - 11) / 20),
    shape,
  );
}

/** Runs `body`, disposes what it returns, and fails when tensors are left over. */
export async function expectNoLeak(body: () => tf.TensorContainer | Promise<tf.TensorContainer>): Promise<void> {
  const before = tf.memory().numTensors;
  tf.dispose(await body());
  expect(tf.memory().numTensors - before).toBe(0);
}
