// Sums of many tensors in kernels of few inputs.
import { describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { sumOf } from '../../../../src/training/step/update/sum.js';
import { useBackend } from '../../../helpers/backend.js';

await useBackend();

describe('sumOf', () => {
  test.each([1, 7, 8, 44, 50, 400])('adds %d tensors, with no more than 7 in a kernel', (count) => {
    const inputs: number[] = [];
    const before = tf.memory().numTensors;
    const tensors = Array.from({ length: count }, (_, i) => tf.tensor1d([i, 1]));
    const profiled = tf.engine();
    const runKernel = profiled.runKernel.bind(profiled);
    profiled.runKernel = ((name: string, given: tf.NamedTensorMap, ...rest: never[]) => {
      if (name === 'AddN') inputs.push(Object.keys(given).length);
      return runKernel(name, given, ...rest);
    }) as typeof profiled.runKernel;
    const sum = sumOf(tensors);
    profiled.runKernel = runKernel;
    expect(Array.from(sum.dataSync())).toEqual([(count * (count - 1)) / 2, count]);
    expect(Math.max(...inputs)).toBeLessThanOrEqual(7);
    tf.dispose([sum, ...tensors]);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('refuses no tensors', () => {
    expect(() => sumOf([])).toThrow(RangeError);
  });
});
