// Activations and their slopes against PyTorch (test/fixtures/activations.json, made by make_fixtures.py).
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { ConfigError } from '../../src/errors.js';
import { ACTIVATION_NAMES, activationFunction } from '../../src/layers/activations.js';
import { useBackend } from '../helpers/backend.js';

interface Curve {
  y: number[];
  slope: number[];
}
const { x, activations } = JSON.parse(readFileSync('test/fixtures/activations.json', 'utf8')) as {
  x: number[];
  activations: Record<string, Curve>;
};

beforeAll(async () => {
  await useBackend();
});

describe('activationFunction', () => {
  test('has every name in the fixture', () => {
    expect(Object.keys(activations).filter((name) => !ACTIVATION_NAMES.includes(name))).toEqual([]);
  });

  test.each(Object.entries(activations))('%s has the values and slopes of PyTorch', async (name, { y, slope }) => {
    const activate = activationFunction(name);
    const point = tf.tensor1d(x);
    const { value, grad } = tf.valueAndGrad((input) => activate(input))(point);
    const [values, slopes] = [await value.data(), await grad.data()];
    // 1e-6 of the value: float32 has 1e-7, and erf and exp are approximations on each side
    x.forEach((at, i) => {
      const near = (a: number, b: number): boolean => Math.abs(a - b) <= 2e-6 * Math.max(1, Math.abs(b));
      expect([at, values[i], near(values[i] as number, y[i] as number)]).toEqual([at, values[i], true]);
      expect([at, slopes[i], near(slopes[i] as number, slope[i] as number)]).toEqual([at, slopes[i], true]);
    });
    tf.dispose([point, value, grad]);
  });

  test('takes a function as it is and names the choices for an unknown name', () => {
    const cube = (input: tf.Tensor): tf.Tensor => tf.pow(input, 3);
    expect(activationFunction(cube)).toBe(cube);
    expect(() => activationFunction('geluu')).toThrow(/expected one of elu, gelu.*received geluu/);
    expect(() => activationFunction('toString')).toThrow(ConfigError);
  });
});
