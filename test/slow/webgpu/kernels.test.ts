// Our WGSL kernels against the composed formulas on plain JavaScript, on Dawn over SwiftShader.
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { blocksBefore, philoxUniform } from '../../../src/random/philox-uniform.js';
import { uniformValues } from '../../../src/random/values.js';
import {
  createUpdateRule,
  type GroupFactors,
  type Slots,
  type UpdateScalars,
} from '../../../src/training/step/optimizer.js';
import { totalNorm } from '../../../src/training/step/update/clip.js';
import { describeOnWebGpu } from '../../helpers/machine/webgpu.js';
import { expectEqualOn, KERNEL_CASES, type KernelCase, normal } from '../../helpers/kernels/kernel-cases.js';

describeOnWebGpu('kernels of WebGPU', () => {
  test.each(Object.keys(KERNEL_CASES))('equal the composed formulas in values and gradients: %s', async (name) => {
    await expectEqualOn('webgpu', KERNEL_CASES[name] as KernelCase);
  });

  test.each([
    [
      [5, 7],
      [3, 9],
    ],
    [
      [2, 3, 1030],
      [-1, 0x7fffffff],
    ],
    [
      [4, 4],
      [7, 8, 0],
    ],
    // Blocks of the workers before this one: more than 2^32.
    [
      [1 << 12, 1 << 8],
      [7, 8, 70_001],
    ],
  ])('draw the random numbers of src/random bit for bit: %j by %j', async (shape, key) => {
    const [seed = 0, step = 0, worker = 0] = key;
    const salt = 0xfedcba98;
    const uniform = tf.tidy(() => philoxUniform(shape, tf.tensor1d(key, 'int32'), salt));
    const size = tf.util.sizeFromShape(shape);
    const expected = uniformValues(size, seed, step, salt, key.length === 3 ? blocksBefore(shape, worker) : 0);
    const received = (await uniform.data()) as Float32Array;
    uniform.dispose();
    expect(received.length).toBe(size);
    expect(received.findIndex((value, i) => value !== expected[i])).toBe(-1);
  });

  test('add up the squares of many tensors', async () => {
    const shapes = [[3], [70, 71], [1], [300_001], ...Array.from({ length: 13 }, (_, i) => [i + 1, 5])];
    const tensors = shapes.map((shape, i) => normal(shape, `${i}`));
    const received = await totalNorm(tensors).data();
    const values = await Promise.all(tensors.map((tensor) => tensor.data()));
    const squares = values.map((one) => Array.from(one).reduce((sum, x) => sum + x * x, 0));
    const expected = Math.sqrt(squares.reduce((sum, x) => sum + x, 0));
    expect((received[0] as number) / expected).toBeCloseTo(1, 6);
    tf.dispose(tensors);
  });

  test('update with AdamW in place as the composed rule does, clipped, decayed, and not at all for a norm that is not finite', async () => {
    const rule = createUpdateRule('adamw', { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
    // Two and one in a dispatch, and one without elements.
    const shapes = [[70, 71], [3], [0, 4], [1000]];
    const groups = shapes.map((_, i) => ({ rateFactor: 0.5 + i, decay: i === 1 ? 0 : 0.01 }));
    const names = ['parameter', 'first', 'second'] as const;
    const slotsOf = (tensors: readonly tf.Tensor[]): Slots =>
      Object.fromEntries(names.map((name, i) => [name, tensors[i]])) as unknown as Slots;
    const start = (): Slots[] => shapes.map((shape) => slotsOf(names.map((name) => normal(shape, name, 0.1).abs())));
    const gradient = (index: number, at: number): tf.Tensor =>
      normal(shapes[at] as number[], `gradient ${index} ${at}`);
    const scalarsOf = (index: number): UpdateScalars<tf.Scalar> =>
      Object.fromEntries(
        Object.entries(rule.scalars(index, 0.01)).map(([name, value]) => [name, tf.scalar(value)]),
      ) as unknown as UpdateScalars<tf.Scalar>;
    const norms = [1, 8, NaN];
    await tf.setBackend('cpu');
    const updated = start().map((slots, at) =>
      norms.reduce((before, norm, index) => {
        if (!Number.isFinite(norm)) return before;
        const clipped = tf.mul(gradient(index, at), Math.min(1, 2 / (norm + 1e-6)));
        return rule.update(before, clipped, scalarsOf(index), groups[at] as GroupFactors);
      }, slots),
    );
    const dataOf = (slots: readonly Slots[]): Promise<tf.TypedArray[]> =>
      Promise.all(slots.flatMap((one) => names.map((name) => one[name].data())));
    const expected = await dataOf(updated);

    await tf.setBackend('webgpu');
    for (const how of ['one by one', 'together']) {
      const variables = tf.tidy(() => start().map((slots) => names.map((name) => tf.variable(slots[name]))));
      const [first] = variables[0] as [tf.Variable];
      const before = await first.data(); // now cached on the host
      const kept = tf.clone(first);
      for (const [index, norm] of norms.entries()) {
        tf.tidy(() => {
          const clipping = { norm: tf.scalar(norm), maxNorm: 2, skipNonFinite: true };
          const updates = variables.map((slots, at) => ({
            ...{ slots: slotsOf(slots), gradient: gradient(index, at), group: groups[at] as GroupFactors },
          }));
          const results =
            how === 'together'
              ? rule.updateTogether(updates, scalarsOf(index), clipping)
              : updates.map((one) => rule.updateAtOnce(one.slots, one.gradient, scalarsOf(index), one.group, clipping));
          variables.forEach((slots, at) =>
            slots.forEach((variable, i) => variable.assign((results?.[at] as Slots)[names[i] as keyof Slots])),
          );
        });
      }
      const received = await dataOf(variables.map(slotsOf));
      received.forEach((values, i) =>
        values.forEach((value, j) => expect(Math.abs(value - (expected[i]?.[j] as number))).toBeLessThan(1e-6)),
      );
      expect(await kept.data()).toEqual(before);
      tf.dispose([...variables.flat(), kept]);
    }
  });
});
