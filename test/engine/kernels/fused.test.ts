// The fused kernels on TensorFlow's CPU against the composed formulas on plain JavaScript.
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { compile } from '../../../src/engine/session/compile.js';
import { attend, attendRagged } from '../../../src/layers/attention.js';
import type { Tensors } from '../../../src/raw-tensor.js';
import { createState } from '../../../src/engine/session/state.js';
import { clipFactor, normOf, sumOfSquares } from '../../../src/training/step/update/clip.js';
import { createUpdateRule, type Slots } from '../../../src/training/step/optimizer.js';
import type { RawTensor } from '../../../src/raw-tensor.js';
import { useBackend } from '../../helpers/backend.js';
import { expectEqualOn, KERNEL_CASES, type KernelCase, normal } from '../../helpers/kernels/kernel-cases.js';

let hasEngine = false;
beforeAll(async () => {
  const choice = await useBackend();
  hasEngine = choice.backend === 'tensorflow';
  if (!hasEngine) process.stdout.write(`skipped: ${choice.reason}\n`);
  else tf.scalar(0).add(1).dispose(); // starts the engine
});

describe('fused kernels', () => {
  test.each(Object.keys(KERNEL_CASES))('equal the composed formulas in values and gradients: %s', async (name) => {
    if (hasEngine) await expectEqualOn('tensorflow', KERNEL_CASES[name] as KernelCase);
  });

  describe('attention without padding', () => {
    const [heads, size, rowSplits] = [3, 5, [0, 4, 5, 11]];
    const args = { n: heads, bias: null, headMask: null, dropout: { rate: 0, salt: 1 } };
    const context = { training: false, dropoutKey: null };
    /** Rows, two of which belong to no example. */
    const values = (rows: number): Float32Array[] => {
      const tensors = [rows, 13, 13].map((count, i) => normal([count, heads * size], `ragged ${i}`));
      const arrays = tensors.map((tensor) => tensor.dataSync() as Float32Array);
      tf.dispose(tensors);
      return arrays;
    };
    const tensorsOf = (arrays: readonly Float32Array[]): [tf.Tensor, tf.Tensor, tf.Tensor] =>
      arrays.map((data) => tf.tensor(data, [data.length / (heads * size), heads * size])) as never;
    const attended = (arrays: readonly Float32Array[], splits: number[], asked: number): ArrayLike<number> =>
      tf.tidy(() =>
        attendRagged(...tensorsOf(arrays), { n: heads, rowSplits: tf.tensor1d(splits, 'int32'), asked }).dataSync(),
      );

    test.each([0, 2])('equals attention of each example alone (%d queries each; 0: all rows)', async (asked) => {
      if (!hasEngine) return;
      const examples = rowSplits.length - 1;
      await tf.setBackend('cpu');
      const arrays = values(asked === 0 ? 13 : asked * examples);
      const expected = tf.tidy(() => {
        const [queries, ...others] = tensorsOf(arrays);
        const joined = Array.from({ length: examples }, (_, i) => {
          const [from, to] = [rowSplits[i] as number, rowSplits[i + 1] as number];
          const [first, count] = asked === 0 ? [from, to - from] : [i * asked, asked];
          const [keys, own] = others.map((x) => tf.slice(x, [from, 0], [to - from, -1])) as [tf.Tensor, tf.Tensor];
          return attend(tf.slice(queries, [first, 0], [count, -1]), keys, own, { ...args, b: 1, context }).joined;
        });
        return [...tf.concat(joined).dataSync(), ...Array<number>(asked === 0 ? 2 * heads * size : 0).fill(0)];
      });
      await tf.setBackend('tensorflow');
      const received = attended(arrays, rowSplits, asked);
      expect(received).toHaveLength(expected.length);
      expected.forEach((value, i) => expect(Math.abs((received[i] as number) - value)).toBeLessThan(2e-6));
    });

    test.each([
      [[0, 4, 4, 11], 0, /row splits that ascend from 0/],
      [[0, 4, 14], 0, /row splits that ascend from 0/],
      [[1, 4, 11], 0, /row splits that ascend from 0/],
      [[0, 4, 5, 11], 2, /the queries do not fit/],
    ])('refuses the row splits %j with %d queries each', async (splits, asked, message) => {
      if (!hasEngine) return;
      await tf.setBackend('tensorflow');
      const arrays = values(13);
      expect(() => attended(arrays, splits, asked)).toThrow(message);
    });
  });

  test('update with AdamW in place as the composed rule does, clipped, decayed, and not at all for a norm that is not finite', async () => {
    if (!hasEngine) return;
    const rule = createUpdateRule('adamw', { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
    const group = { rateFactor: 0.5, decay: 0.01 };
    const shape = [70, 71];
    const variables = new Map(
      ['parameter', 'first', 'second'].map((name) => [
        name,
        tf.tidy(() => tf.variable(normal(shape, name, 0.1).abs())),
      ]),
    );
    let expected: tf.Tensor[] = tf.tidy(() => [...variables.values()].map((variable) => variable.clone()));
    const state = await createState(variables);
    const slots = Object.fromEntries(variables) as unknown as Slots;
    const step = compile(
      ({ gradient, norm, ...scalars }) => {
        const clipping = { norm: norm as tf.Scalar, maxNorm: 2, skipNonFinite: true };
        const before = tf.sum(slots.parameter);
        const kept = tf.clone(slots.first);
        const updated = rule.updateAtOnce?.(slots, gradient as tf.Tensor, scalars as never, group, clipping) as Slots;
        for (const [name, value] of Object.entries(updated)) variables.get(name)?.assign(value);
        return { before, kept };
      },
      { state },
    );
    for (const [index, norm] of [1, 8, NaN].entries()) {
      const scalars = rule.scalars(index, 0.01);
      const gradient = normal(shape, `gradient ${index}`);
      const firstBefore = expected[1]?.dataSync();
      const sumBefore = expected[0]?.sum().dataSync()[0] as number;
      if (Number.isFinite(norm)) {
        expected = tf.tidy(() => {
          const clipped = tf.mul(gradient, Math.min(1, 2 / (norm + 1e-6)));
          const scalarTensors = Object.fromEntries(
            Object.entries(scalars).map(([name, value]) => [name, tf.scalar(value)]),
          );
          const [parameter, first, second] = expected as [tf.Tensor, tf.Tensor, tf.Tensor];
          const updated = rule.update({ parameter, first, second }, clipped, scalarTensors as never, group);
          return [updated.parameter, updated.first, updated.second];
        });
      }
      const scalar = (value: number): RawTensor => ({ dtype: 'float32', shape: [], data: Float32Array.of(value) });
      const outputs = await step({
        gradient: { dtype: 'float32', shape, data: gradient.dataSync() as Float32Array },
        norm: scalar(norm),
        rate: scalar(scalars.rate),
        firstCorrection: scalar(scalars.firstCorrection),
        secondCorrection: scalar(scalars.secondCorrection),
      });
      outputs['kept']?.data.forEach((value, i) => expect(value).toBeCloseTo(firstBefore?.[i] as number, 6));
      expect(outputs['before']?.data[0]).toBeCloseTo(sumBefore, 2);
      for (const [i, name] of [...variables.keys()].entries()) {
        const reference = expected[i]?.dataSync() as Float32Array;
        const { data } = await state.read(name);
        data.forEach((value, j) => expect(Math.abs(value - (reference[j] as number))).toBeLessThan(1e-6));
      }
    }
    await state.dispose();
    tf.dispose([...variables.values()]);
  });

  test('update a table from the rows of its gradient alone: repeated, left out and never touched ones', async () => {
    if (!hasEngine) return;
    const [rows, width] = [5000, 24];
    const numbers = [7, 4999, 7, -1, 0, 7, 4999, -1];
    const rule = createUpdateRule('adamw', { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
    const group = { rateFactor: 1, decay: 0.01 };
    const names = ['parameter', 'first', 'second'];
    const values = normal([numbers.length, width], 'rows');
    const table = (): tf.Tensor => tf.unsortedSegmentSum(values, tf.tensor1d(numbers, 'int32'), rows);
    const scalars = Object.fromEntries(
      Object.entries(rule.scalars(2, 0.01)).map(([name, value]) => [name, tf.scalar(value)]),
    );
    const variables = new Map(
      names.map((name) => [name, tf.tidy(() => tf.variable(normal([rows, width], name, 0.1).abs()))]),
    );
    const slots = Object.fromEntries(variables) as unknown as Slots;
    const norm = normOf([sumOfSquares(table())]);
    const clipped = tf.mul(table(), clipFactor(norm, 2));
    const expected = rule.update(slots, clipped, scalars as never, group);
    const references = names.map((name) => expected[name as keyof Slots].dataSync());

    const state = await createState(variables);
    const step = compile(
      ({ x, ids }) => {
        const gradient = tf.unsortedSegmentSum(x as tf.Tensor, ids as tf.Tensor1D, rows);
        const total = normOf([sumOfSquares(gradient)]);
        const clipping = { norm: total, maxNorm: 2, skipNonFinite: true };
        const updated = rule.updateAtOnce?.(slots, gradient, scalars as never, group, clipping) as Slots;
        for (const [name, value] of Object.entries(updated)) variables.get(name)?.assign(value);
        return { total };
      },
      { state },
    );
    const { outputs, trace } = await step.profile({
      x: { dtype: 'float32', shape: values.shape, data: values.dataSync() as Float32Array },
      ids: { dtype: 'int32', shape: [numbers.length], data: Int32Array.from(numbers) },
    });
    expect(outputs['total']?.data[0]).toBeCloseTo(norm.dataSync()[0] as number, 5);
    for (const [i, name] of names.entries()) {
      const { data } = await state.read(name);
      const differences = Array.from(data, (value, j) => Math.abs(value - (references[i]?.[j] as number)));
      expect(differences.reduce((a, b) => Math.max(a, b))).toBeLessThan(1e-6);
    }
    const ran = new Set(trace.traceEvents.map(({ name }) => name));
    expect([...ran]).toEqual(expect.arrayContaining(['VisualbertAdamWRows', 'VisualbertSumOfSquaresRows']));
    expect(ran.has('UnsortedSegmentSum')).toBe(false);
    await state.dispose();
    tf.dispose([...variables.values()]);
  });

  test('refuse to let an old value be read after it was written over', async () => {
    if (!hasEngine) return;
    const names = ['parameter', 'first', 'second'];
    const variables = new Map(names.map((name) => [name, tf.tidy(() => tf.variable(tf.ones([2])))]));
    const state = await createState(variables);
    const rule = createUpdateRule('adamw', { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
    const slots = Object.fromEntries(variables) as unknown as Slots;
    const update =
      (readsOld: boolean) =>
      ({ one }: Tensors): Tensors => {
        const old = readsOld ? tf.clone(slots.parameter) : tf.scalar(0);
        const scalars = { rate: one, firstCorrection: one, secondCorrection: one } as never;
        const clipping = { norm: one as tf.Scalar, maxNorm: 1, skipNonFinite: false };
        const updated = rule.updateAtOnce?.(
          slots,
          tf.ones([2]),
          scalars,
          { rateFactor: 1, decay: 0 },
          clipping,
        ) as Slots;
        for (const [name, value] of Object.entries(updated)) variables.get(name)?.assign(value);
        const sum = tf.sum(slots.parameter);
        return { sum, old: tf.mul(old, 2) };
      };
    const one = { dtype: 'float32' as const, shape: [], data: Float32Array.of(1) };
    const { sum } = await compile(update(false), { state })({ one });
    expect(sum?.data[0]).toBeCloseTo(0, 5); // 1 - 1 / sqrt(1), twice
    await expect(compile(update(true), { state })({ one })).rejects.toThrow(
      /"parameter" is used after VisualbertAdamW/,
    );
    await state.dispose();
    tf.dispose([...variables.values()]);
  });
});
