// The battery that every layer passes: shapes, names, gradients, configuration, dropout, use in a plain tf.model, memory.
import * as tf from '@tensorflow/tfjs';
import { expect, test } from '@jest/globals';
import type { WeightInitializer } from '../../src/layers/initializers.js';
import type { WeightedLayer } from '../../src/layers/weighted-layer.js';
import { expectNoLeak, rampWeights, toBeCloseToTensor } from './tensors.js';

export interface LayerCase {
  /** Makes the layer; `initializer` and `name` are to be handed on. */
  create: (args: { initializer?: WeightInitializer; name?: string }) => WeightedLayer;
  /** Inputs of a call; the caller owns them. */
  inputs: () => tf.Tensor[];
  outputShape: number[];
  /** Exact weights by name, in order. */
  weights: Record<string, number[]>;
  /** Weights whose gradient is zero, and why that is right. */
  withoutGradient?: Record<string, string>;
  /** Whether it behaves otherwise in training. */
  hasDropout: boolean;
}

/** Step of the finite differences, about the cube root of float32's precision. */
const STEP = 1e-2;
/** Finite differences of float32 sums are good to two or three digits. */
const SLOPE_TOLERANCE = 2e-2;

function call(layer: WeightedLayer, inputs: tf.Tensor[], kwargs: { training?: boolean } = {}): tf.Tensor {
  return layer.apply(inputs.length === 1 ? (inputs[0] as tf.Tensor) : inputs, kwargs) as tf.Tensor;
}

/** A scalar that weighs every output differently, so that no gradient cancels by symmetry. */
function weighed(output: tf.Tensor): tf.Scalar {
  const weights = tf.reshape(tf.sin(tf.range(1, output.size + 1)), output.shape);
  return tf.sum(tf.mul(output, weights));
}

/** Registers the battery's tests for one layer. */
export function checkLayer({
  create,
  inputs,
  outputShape,
  weights,
  withoutGradient = {},
  hasDropout,
}: LayerCase): void {
  const ramp = (): WeightedLayer => create({ name: 'place', initializer: (name, shape) => rampWeights(name, shape) });

  test('has the expected weights and output', () => {
    const [layer, given] = [ramp(), inputs()];
    const output = call(layer, given);
    expect([output.shape, output.dtype]).toEqual([outputShape, 'float32']);
    const shapes = given.map(({ shape }) => shape);
    expect(layer.computeOutputShape(shapes.length === 1 ? (shapes[0] as number[]) : shapes)).toEqual(outputShape);
    expect(Object.fromEntries([...layer.weightsByName].map(([name, { shape }]) => [name, shape]))).toEqual(weights);
    tf.dispose([output, ...given]);
    layer.dispose();
  });

  test('gives every weight the gradient that finite differences show', async () => {
    const [layer, given] = [ramp(), inputs()];
    call(layer, given).dispose();
    const value = (): number => tf.tidy(() => weighed(call(layer, given)).dataSync()[0] as number);
    const variables = [...layer.weightsByName.values()];
    const { value: loss, grads } = tf.variableGrads(() => weighed(call(layer, given)), variables);
    loss.dispose();
    for (const [name, variable] of layer.weightsByName) {
      const gradient = grads[variable.name];
      const start = (await variable.data()).slice() as Float32Array;
      const slopes = gradient ? Array.from(await gradient.data()) : start.map(() => 0);
      const scale = Math.max(1, ...Array.from(slopes, Math.abs));
      for (const index of new Set([0, Math.floor(start.length / 2), start.length - 1])) {
        const at = (delta: number): number => {
          const moved = Float32Array.from(start, (x, i) => (i === index ? x + delta : x));
          tf.tidy(() => variable.assign(tf.tensor(moved, variable.shape)));
          return value();
        };
        const slope = (at(STEP) - at(-STEP)) / (2 * STEP);
        expect([name, index, Math.abs(slope - (slopes[index] as number)) < SLOPE_TOLERANCE * scale]).toEqual([
          name,
          index,
          true,
        ]);
      }
      tf.tidy(() => variable.assign(tf.tensor(start, variable.shape)));
      const isZero = Math.max(...Array.from(slopes, Math.abs)) < 1e-4;
      expect([name, isZero]).toEqual([name, name in withoutGradient]);
    }
    tf.dispose([...Object.values(grads), ...given]);
    layer.dispose();
  });

  test('comes back from its configuration and its saved weights', async () => {
    const [layer, given] = [ramp(), inputs()];
    const before = call(layer, given);
    const config = JSON.parse(JSON.stringify(layer.getConfig())) as tf.serialization.ConfigDict;
    const Class = layer.constructor as unknown as tf.serialization.SerializableConstructor<WeightedLayer>;
    const copy = new Class(config);
    call(copy, given).dispose();
    copy.setWeights(layer.getWeights());
    const after = call(copy, given);
    await toBeCloseToTensor(after, before, 0);
    expect(copy.getConfig()).toEqual(layer.getConfig());
    tf.dispose([before, after, ...given]);
    layer.dispose();
    copy.dispose();
  });

  test('draws the same weights again from the same seed', async () => {
    const [first, second, given] = [create({ name: 'a' }), create({ name: 'a' }), inputs()];
    const [x, y] = [call(first, given), call(second, given)];
    await toBeCloseToTensor(x, y, 0);
    tf.dispose([x, y, ...given]);
    first.dispose();
    second.dispose();
  });

  test(hasDropout ? 'drops values in training only, others at each call' : 'behaves alike in training', async () => {
    const [layer, given] = [ramp(), inputs()];
    const outputs = [{}, {}, { training: true }, { training: true }].map((kwargs) => call(layer, given, kwargs));
    const texts = await Promise.all(outputs.map(async (output) => String(await output.data())));
    expect(texts[1]).toBe(texts[0]);
    expect(new Set(texts).size).toBe(hasDropout ? 3 : 1);
    tf.dispose([...outputs, ...given]);
    layer.dispose();
  });

  test('disposes its tensors', async () => {
    const [layer, given] = [ramp(), inputs()];
    call(layer, given).dispose();
    await expectNoLeak(() => call(layer, given, { training: true }));
    await expectNoLeak(() => {
      const variables = [...layer.weightsByName.values()];
      const { value, grads } = tf.variableGrads(() => weighed(call(layer, given, { training: true })), variables);
      return [value, ...Object.values(grads).filter(Boolean)];
    });
    tf.dispose(given);
    layer.dispose();
  });
}
