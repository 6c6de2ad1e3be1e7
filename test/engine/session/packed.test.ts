// Products with packed matrices, and operations fused into them, against the same formulas computed eagerly.
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import type { PredictionPrecision } from '../../../src/precision.js';
import { compile } from '../../../src/engine/session/compile.js';
import type { StateOptions } from '../../../src/engine/session/contract.js';
import { operationTimes } from '../../../src/engine/session/operation-times.js';
import { createState, type SessionState } from '../../../src/engine/session/state.js';
import { activationFunction } from '../../../src/layers/activations.js';
import { attend, attendRagged, attentionBias, limitRows } from '../../../src/layers/attention.js';
import { linear } from '../../../src/layers/linear.js';
import type { FloatsInFile, RawTensor, Tensors } from '../../../src/raw-tensor.js';
import { useBackend } from '../../helpers/backend.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

let hasEngine = false;
beforeAll(async () => {
  const choice = await useBackend();
  hasEngine = choice.backend === 'tensorflow';
  if (!hasEngine) process.stdout.write(`skipped: ${choice.reason}\n`);
});

/** Values between -1 and 1 that do not repeat. */
function waves(shape: number[], step: number): RawTensor & { data: Float32Array } {
  const size = shape.reduce((product, length) => product * length, 1);
  return { dtype: 'float32', shape, data: Float32Array.from({ length: size }, (_, i) => Math.sin(step * (i + 1))) };
}

const tensorOf = ({ data, shape }: RawTensor): tf.Tensor => tf.tensor(data, shape);

/** A state with a matrix `weight` [out, in] that products read, and a vector `bias` [out]. */
async function layer(
  weight: RawTensor,
  bias: RawTensor,
  precision: PredictionPrecision,
  options = {},
): Promise<{ weights: Record<'weight' | 'bias', tf.Variable>; state: SessionState }> {
  const weights = { weight: tf.variable(tensorOf(weight)), bias: tf.variable(tensorOf(bias)) };
  const readOnly = { matrices: (name: string) => name === 'weight', precision, packs: true };
  return { weights, state: await createState(new Map(Object.entries(weights)), { readOnly, ...options }) };
}

function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  return Math.max(...Array.from(actual, (value, i) => Math.abs(value - (expected[i] ?? NaN))));
}

describe('packed matrices', () => {
  // Sums of 19 products below 1: float32 rounds each to 6e-8, bfloat16 each factor to 2^-9, int8 to 1 / 127 of the range of its row.
  test.each([
    ['fp32', 2e-6],
    ['bf16', 0.02],
    ['int8', 0.1],
  ] as const)('give products, bias and GELU in %s for every number of rows', async (precision, tolerance) => {
    if (!hasEngine) return;
    const [weight, bias] = [waves([70, 19], 0.7), waves([70], 1.3)];
    const { weights, state } = await layer(weight, bias, precision);
    const gelu = activationFunction('gelu');
    const run = compile(
      ({ x }) => {
        const affine = linear(x as tf.Tensor, weights);
        return { product: tf.matMul(x as tf.Tensor, weights.weight, false, true), affine, active: gelu(affine) };
      },
      { state, precision },
    );
    for (const rows of [1, 5, 14, 15, 29]) {
      const x = waves([rows, 19], 0.37);
      const outputs = await run({ x });
      const expected = tf.tidy(() => {
        const product = tf.matMul(tensorOf(x), tensorOf(weight), false, true);
        const affine = tf.add(product, tensorOf(bias));
        return { product: product.dataSync(), affine: affine.dataSync(), active: gelu(affine).dataSync() };
      });
      for (const [name, values] of Object.entries(expected)) {
        expect(outputs[name]?.shape).toEqual([rows, 70]);
        expect(largestDifference(outputs[name]?.data ?? [], values)).toBeLessThan(tolerance);
      }
    }
    await state.dispose();
    tf.dispose(Object.values(weights));
  });

  // Whole numbers that every precision holds: int8 rounds none, since the inputs have but two values.
  test.each(['fp32', 'bf16', 'int8'] as const)(
    'sum products of many rows, outputs and inputs in %s',
    async (precision) => {
      if (!hasEngine) return;
      const [rows, outputs, inputs] = [205, 300, 1101];
      const whole = (shape: [number, number], ends: number[], at: (i: number) => number): RawTensor => {
        const data = Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => ends[i % shape[1]] ?? at(i));
        return { dtype: 'float32', shape, data };
      };
      const weight = whole([outputs, inputs], [127], (i) => ((i * 7919) % 255) - 127);
      const x = whole([rows, inputs], [0, 127], (i) => 127 * (((i * 104729) % 7) & 1));
      const { weights, state } = await layer(weight, waves([outputs], 0), precision);
      const run = compile((given) => ({ y: linear(given.x as tf.Tensor, weights) }), { state, precision });
      const expected = tf.tidy(() => tf.matMul(tensorOf(x), tensorOf(weight), false, true).dataSync());
      const scale = Math.max(...expected.map(Math.abs));
      const difference = largestDifference((await run({ x })).y?.data ?? [], expected);
      expect(difference).toBeLessThanOrEqual(precision === 'int8' ? 2e-7 * scale : 0); // its scales are fractions
      await state.dispose();
      tf.dispose(Object.values(weights));
    },
  );

  test.each(['fp32', 'bf16', 'int8'] as const)(
    'compute rows up to a limit in %s, through products, bias and GELU, and leave the others 0',
    async (precision) => {
      if (!hasEngine) return;
      const { weights, state } = await layer(waves([19, 19], 0.7), waves([19], 1.3), precision);
      const gelu = activationFunction('gelu');
      const formula = (x: tf.Tensor): tf.Tensor => linear(gelu(linear(x, weights)), weights);
      const limited = compile(
        ({ x, rowSplits }) => ({ y: formula(limitRows(x as tf.Tensor, rowSplits as tf.Tensor)) }),
        { state, precision },
      );
      const whole = compile(({ x }) => ({ y: formula(x as tf.Tensor) }), { state, precision });
      const x = waves([29, 19], 0.37);
      const splits = (...rows: number[]): RawTensor => ({
        dtype: 'int32',
        shape: [rows.length],
        data: Int32Array.from(rows),
      });
      const all = (await whole({ x })).y?.data ?? [];
      for (const end of [0, 3, 16, 29]) {
        const received = (await limited({ x, rowSplits: splits(0, 2, end) })).y?.data ?? [];
        expect([...received]).toEqual([
          ...Array.from(all).slice(0, 19 * end),
          ...Array<number>(19 * (29 - end)).fill(0),
        ]);
      }
      for (const end of [-1, 30])
        await expect(limited({ x, rowSplits: splits(0, 2, end) })).rejects.toThrow(
          /a limit of at most the number of rows/,
        );
      await state.dispose();
      tf.dispose(Object.values(weights));
    },
  );

  test.each([
    ['fp32', 2e-6],
    ['int8', 0.1],
  ] as const)(
    'multiply the same rows together in %s, whichever product is read first',
    async (precision, tolerance) => {
      if (!hasEngine) return;
      const widths = [70, 32, 1, 97];
      const layers = widths.map((width, i) => ({ weight: waves([width, 19], 0.7 + i), bias: waves([width], 1.3 + i) }));
      const named = layers.flatMap(({ weight, bias }, i) => [
        [`weight${i}`, tf.variable(tensorOf(weight))] as const,
        [`bias${i}`, tf.variable(tensorOf(bias))] as const,
      ]);
      const variables = new Map(named);
      const readOnly = { matrices: (name: string) => name.startsWith('weight'), precision, packs: true };
      const state = await createState(variables, { readOnly });
      const weights = widths.map((_, i) => ({
        weight: variables.get(`weight${i}`) as tf.Variable,
        bias: variables.get(`bias${i}`) as tf.Variable,
      }));
      const gelu = activationFunction('gelu');
      const formulas = (x: tf.Tensor, of: { weight: tf.Tensor; bias: tf.Tensor }[]): Record<string, tf.Tensor> => {
        const affine = of.map((each) => linear(x, each));
        const plain = tf.matMul(x, of[0]?.weight as tf.Tensor, false, true);
        const later = tf.mul(affine[2] as tf.Tensor, 2); // read before the others
        const [a, b, , d] = affine as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
        return { a, b: gelu(b), later, plain, d: tf.reshape(d, [-1]), again: linear(x, of[1] as (typeof of)[0]) };
      };
      const run = compile(({ x }) => formulas(x as tf.Tensor, weights), { state, precision });
      for (const rows of [1, 29]) {
        const x = waves([rows, 19], 0.37);
        const outputs = await run({ x });
        const eager = layers.map(({ weight, bias }) => ({ weight: tensorOf(weight), bias: tensorOf(bias) }));
        for (const [name, expected] of Object.entries(tf.tidy(() => formulas(tensorOf(x), eager)))) {
          expect(largestDifference(outputs[name]?.data ?? [], expected.dataSync())).toBeLessThan(tolerance);
        }
      }
      await state.dispose();
      tf.dispose([...variables.values()]);
    },
  );

  // Heads of 15 rows, so that some lie in two panels; in bf16 keys and values are products, rounded to 2^-9.
  test.each([
    ['fp32', 2e-6],
    ['bf16', 0.02],
  ] as const)('attend with one query for each example in %s as each example alone', async (precision, tolerance) => {
    if (!hasEngine) return;
    const [n, width, splits] = [3, 45, [0, 4, 5, 11]];
    const values = ['keys', 'values'].map((name, i) => ({
      ...{ name, weight: waves([width, 19], 0.7 + i), bias: waves([width], 1.3 + i) },
    }));
    const variables = new Map(
      values.flatMap(({ name, weight, bias }) => [
        [`${name}.weight`, tf.variable(tensorOf(weight))] as const,
        [`${name}.bias`, tf.variable(tensorOf(bias))] as const,
      ]),
    );
    const readOnly = { matrices: (name: string) => name.endsWith('weight'), precision, packs: true };
    const state = await createState(variables, { readOnly });
    const of = (name: string): { weight: tf.Variable; bias: tf.Variable } => ({
      weight: variables.get(`${name}.weight`) as tf.Variable,
      bias: variables.get(`${name}.bias`) as tf.Variable,
    });
    const run = compile(
      ({ queries, x, rowSplits }) => {
        const limited = limitRows(x as tf.Tensor, rowSplits as tf.Tensor);
        const [keys, own] = [linear(limited, of('keys')), linear(limited, of('values'))];
        return { y: attendRagged(queries as tf.Tensor, keys, own, { n, rowSplits: rowSplits as tf.Tensor, asked: 1 }) };
      },
      { state, precision },
    );
    const [queries, x] = [waves([3, width], 0.9), waves([13, 19], 0.37)];
    const rowSplits = (rows: number[]): RawTensor => ({
      ...{ dtype: 'int32' as const, shape: [rows.length], data: Int32Array.from(rows) },
    });
    const { outputs, trace } = await run.profile({ queries, x, rowSplits: rowSplits(splits) });
    const { y } = outputs;
    const operations = new Set(operationTimes(trace).map(({ type }) => type));
    expect(operations.has('VisualbertFoldedAttention')).toBe(precision === 'fp32');
    expect(operations.has('VisualbertPackedProducts')).toBe(precision !== 'fp32'); // of keys and values
    const expected = tf.tidy(() => {
      const [keys, own] = values.map(({ weight, bias }) =>
        linear(tensorOf(x), { weight: tensorOf(weight), bias: tensorOf(bias) }),
      ) as [tf.Tensor, tf.Tensor];
      const args = { b: 1, n, bias: null, headMask: null, dropout: { rate: 0, salt: 1 } };
      const joined = [0, 1, 2].map((i) => {
        const [from = 0, to = 0] = splits.slice(i);
        const rows = [keys, own].map((all) => tf.slice(all, [from, 0], [to - from, -1])) as [tf.Tensor, tf.Tensor];
        const context = { training: false, dropoutKey: null };
        return attend(tf.slice(tensorOf(queries), [i, 0], [1, -1]), ...rows, { ...args, context }).joined;
      });
      return tf.concat(joined).dataSync();
    });
    expect(largestDifference(y?.data ?? [], expected)).toBeLessThan(tolerance);
    await expect(run({ queries, x, rowSplits: rowSplits([0, 4, 5, 14]) })).rejects.toThrow(/row splits|a limit/);
    await expect(run({ queries, x, rowSplits: rowSplits([0, 5, 4, 11]) })).rejects.toThrow(/row splits that ascend/);
    await expect(run({ queries, x, rowSplits: rowSplits([0, 4, 11]) })).rejects.toThrow(/the queries do not fit/);
    await state.dispose();
    tf.dispose([...variables.values()]);
  });

  test('multiply in int8 with one scale for each output and each row', async () => {
    if (!hasEngine) return;
    // Multiples of the scales, so that nothing is rounded: 1 and 0.5 for the outputs, m / 127 or m / 255 and twice that for the rows.
    const m = 127 * 255;
    const weight: RawTensor = { dtype: 'float32', shape: [2, 3], data: Float32Array.of(127, -64, 3, 63.5, 0.5, -20) };
    const bias: RawTensor = { dtype: 'float32', shape: [2], data: Float32Array.of(0.25, -1) };
    const { weights, state } = await layer(weight, bias, 'int8');
    const run = compile(({ x }) => ({ y: linear(x as tf.Tensor, weights) }), { state, precision: 'int8' });
    const x: RawTensor = { dtype: 'float32', shape: [2, 3], data: Float32Array.of(-m, -m, 0, 0, 2 * m, 0) };
    const { y } = await run({ x });
    expect([...(y?.data ?? [])]).toEqual([-63 * m + 0.25, -64 * m - 1, -128 * m + 0.25, m - 1]);
    await state.dispose();
    tf.dispose(Object.values(weights));
  });

  // Products are computed slice by slice: of 256 inputs in fp32, 512 in bf16, 1024 in int8.
  test.each([
    ['fp32', 2100, 1e-4],
    ['bf16', 4200, 0.3],
    ['int8', 8300, 1],
  ] as const)('add up the slices of many inputs in %s', async (precision, depth, tolerance) => {
    if (!hasEngine) return;
    const [weight, bias, x] = [waves([35, depth], 0.7), waves([35], 1.3), waves([8, depth], 0.37)];
    const { weights, state } = await layer(weight, bias, precision);
    const run = compile((inputs) => ({ y: linear(inputs['x'] as tf.Tensor, weights) }), { state, precision });
    const { y } = await run({ x });
    const expected = Array.from({ length: 8 * 35 }, (_, i) => {
      const [row, column] = [depth * Math.floor(i / 35), depth * (i % 35)];
      let sum = bias.data[i % 35] ?? NaN;
      for (let k = 0; k < depth; k++) sum += (x.data[row + k] ?? NaN) * (weight.data[column + k] ?? NaN);
      return sum;
    });
    expect(largestDifference(y?.data ?? [], expected)).toBeLessThan(tolerance);
    await state.dispose();
    tf.dispose(Object.values(weights));
  });

  test('keep products of exact matrices in float32 where others are int8', async () => {
    if (!hasEngine) return;
    const [weight, bias, x] = [waves([33, 8], 0.7), waves([33], 1.3), waves([3, 8], 0.37)];
    const { weights, state } = await layer(weight, bias, 'int8', {
      readOnly: { matrices: (name: string) => name === 'weight', precision: 'int8', packs: true, exact: () => true },
    });
    const run = compile((inputs) => ({ y: linear(inputs['x'] as tf.Tensor, weights) }), { state, precision: 'int8' });
    const expected = tf.tidy(() => linear(tensorOf(x), { weight: tensorOf(weight), bias: tensorOf(bias) }).dataSync());
    expect(largestDifference((await run({ x }))['y']?.data ?? [], expected)).toBeLessThan(2e-6);
    await state.dispose();
    tf.dispose(Object.values(weights));
  });

  test.each(['fp32', 'bf16', 'int8'] as const)('are read, written and given back exactly in %s', async (precision) => {
    if (!hasEngine) return;
    const [weight, bias] = [waves([35, 6], 0.7), waves([35], 1.3)];
    const { weights, state } = await layer(weight, bias, precision, { maxSignatures: 1 });
    const rows = compile(
      ({ index }) => ({
        taken: tf.gather(weights.weight, index as tf.Tensor1D),
        product: tf.matMul(tf.ones([index?.shape[0] ?? 0, 35]), weights.weight),
      }),
      { state, precision },
    );
    expect((await state.read('weight')).data).toEqual(weight.data);
    const written = waves([35, 6], 0.11);
    await state.write('weight', written);
    for (const count of [1, 2]) {
      const index: RawTensor = { dtype: 'int32', shape: [count], data: Int32Array.of(34, 1).subarray(0, count) };
      const { taken } = await rows({ index }); // the second in a new session
      expect([...(taken?.data ?? [])]).toEqual([34, 1].slice(0, count).flatMap((row) => [...written.data.subarray(6 * row, 6 * row + 6)])); // prettier-ignore
    }
    await state.dispose();
    expect(weights.weight.dataSync()).toEqual(written.data);
    tf.dispose(Object.values(weights));
  });

  test.each([
    ['fp32', true, 2e-6],
    ['bf16', true, 0.02],
    ['bf16', false, 0.02],
    ['int8', true, 0.05],
  ] as const)(
    'take their values from elsewhere in %s (packed: %s), and keep no others',
    async (precision, packs, tolerance) => {
      if (!hasEngine) return;
      const values: Record<string, RawTensor & { data: Float32Array }> = {
        weight: waves([70, 19], 0.7),
        bias: waves([70], 1.3),
      };
      const weights = { weight: tf.variable(tf.zeros([70, 19])), bias: tf.variable(tf.zeros([70])) };
      const readOnly = { matrices: (name: string) => name === 'weight', precision, packs };
      const asked: string[] = [];
      const state = await createState(new Map(Object.entries(weights)), {
        ...{ readOnly, maxSignatures: 1 },
        values: async (name) => {
          asked.push(name);
          return values[name]?.data ?? new Float32Array();
        },
      });
      expect(asked).toEqual(['weight', 'bias']);
      const run = compile(
        ({ x }) => ({ y: linear(x as tf.Tensor, weights), back: tf.matMul(tf.ones([1, 70]), weights.weight) }),
        { state, precision },
      );
      const sums = tf.tidy(() => tf.sum(tensorOf(values['weight'] as RawTensor), 0).dataSync());
      for (const rows of [2, 3]) {
        const x = waves([rows, 19], 0.37);
        const { y, back } = await run({ x }); // the second in a new session
        const [weight, bias] = [values['weight'] as RawTensor, values['bias'] as RawTensor];
        const expected = tf.tidy(() =>
          linear(tensorOf(x), { weight: tensorOf(weight), bias: tensorOf(bias) }).dataSync(),
        );
        expect(largestDifference(y?.data ?? [], expected)).toBeLessThan(tolerance);
        expect(largestDifference(back?.data ?? [], sums)).toBeLessThan(70 * tolerance);
      }
      const reading = state.read('weight');
      if (precision === 'fp32') expect((await reading).data).toEqual(values['weight']?.data);
      else await expect(reading).rejects.toThrow('keeps them only in low precision');
      expect((await state.read('bias')).data).toEqual(values['bias']?.data);
      await state.dispose();
      expect(weights.weight.isDisposed && weights.bias.isDisposed).toBe(true);
    },
  );

  test.each([
    ['fp32', true],
    ['bf16', true],
    ['bf16', false],
    ['int8', true],
  ] as const)('read their values from a file in %s (packed: %s) as from arrays', async (precision, packs) => {
    if (!hasEngine) return;
    const values: Record<string, RawTensor & { data: Float32Array }> = { weight: waves([70, 19], 0.7), bias: waves([70], 1.3) }; // prettier-ignore
    (values['bias'] as RawTensor).data[7] = Infinity;
    const path = join(temporaryFolder(), 'values');
    writeFileSync(path, Buffer.concat([Buffer.alloc(6), ...Object.values(values).map(({ data }) => Buffer.from(data.buffer))])); // prettier-ignore
    const file = openSync(path, 'r');
    const found: [string, boolean][] = [];
    const sources: StateOptions['values'][] = [
      async (name) => values[name]?.data ?? new Float32Array(),
      async (name) => ({
        descriptor: file,
        offset: name === 'weight' ? 6 : 6 + 4 * 70 * 19,
        onRead: (areFinite) => void found.push([name, areFinite]),
      }),
    ];
    const results: ArrayLike<number>[] = [];
    for (const source of sources) {
      const weights = { weight: tf.variable(tf.zeros([70, 19])), bias: tf.variable(tf.zeros([70])) };
      const readOnly = { matrices: (name: string) => name === 'weight', precision, packs };
      const state = await createState(new Map(Object.entries(weights)), { readOnly, values: source });
      const run = compile(({ x }) => ({ y: linear(x as tf.Tensor, weights) }), { state, precision });
      results.push((await run({ x: waves([3, 19], 0.37) }))['y']?.data ?? []);
      await state.dispose();
    }
    closeSync(file);
    expect(results[1]).toEqual(results[0]);
    expect(found).toEqual([
      ['weight', true],
      ['bias', false],
    ]);
  });

  test('name the values that a file is too short for', async () => {
    if (!hasEngine) return;
    const path = join(temporaryFolder(), 'short');
    writeFileSync(path, Buffer.alloc(40));
    const file = openSync(path, 'r');
    for (const packs of [true, false]) {
      const weight = tf.tidy(() => tf.variable(tf.zeros([3, 4])));
      const readOnly = { matrices: () => packs, precision: 'fp32', packs } as const;
      const values = async (): Promise<FloatsInFile> => ({ descriptor: file, offset: 4, onRead: () => undefined });
      await expect(createState(new Map([['weight', weight]]), { readOnly, values })).rejects.toThrow(
        'The values of "weight" cannot be read: byte 40 of the file: it ends there',
      );
    }
    closeSync(file);
  });

  test('leave nothing behind where their values cannot be read', async () => {
    if (!hasEngine) return;
    const before = tf.memory().numTensors;
    const weight = tf.tidy(() => tf.variable(tf.zeros([3, 2])));
    const values = (): Promise<Float32Array> => Promise.reject(new Error('the file is cut off'));
    await expect(createState(new Map([['weight', weight]]), { values })).rejects.toThrow('the file is cut off');
    expect(weight.isDisposed).toBe(true);
    expect(tf.memory().numTensors).toBe(before);
  });

  test.each([
    [4, 4, 5],
    [40, 40, 33],
    [2, 70, 64],
  ])('let attention of %i queries to %i keys in heads of %i be one operation', async (q, s, d) => {
    if (!hasEngine) return;
    const [b, n] = [2, 3];
    const attention = ({ queries, keys, values, mask }: Tensors): Tensors => {
      const [wide, narrow] = [queries, keys].map((x) => x as tf.Tensor);
      const args = { b, n, bias: attentionBias(mask as tf.Tensor), headMask: null, dropout: { rate: 0.1, salt: 1 } };
      const context = { training: false, dropoutKey: null };
      const { joined } = attend(wide as tf.Tensor, narrow as tf.Tensor, values as tf.Tensor, { ...args, context });
      return { joined };
    };
    const lengths = [s - 1, Math.ceil(s / 2)];
    const mask = Int32Array.from({ length: b * s }, (_, i) => Number(i % s < (lengths[Math.floor(i / s)] ?? 0)));
    const inputs = {
      queries: waves([b * q, n * d], 0.7),
      keys: waves([b * s, n * d], 0.37),
      values: waves([b * s, n * d], 0.11),
      mask: { dtype: 'int32', shape: [b, s], data: mask } as RawTensor,
    };
    const { weights, state } = await layer(waves([2, 2], 1), waves([2], 1), 'fp32');
    const { outputs, trace } = await compile(attention, { state }).profile(inputs);
    const expected = tf.tidy(() => {
      const { mask: padding, ...rest } = inputs;
      const tensors = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, tensorOf(value)]));
      return attention({ ...tensors, mask: tf.tensor(padding.data, [b, s], 'int32') })['joined']?.dataSync() ?? [];
    });
    expect(largestDifference(outputs['joined']?.data ?? [], expected)).toBeLessThan(2e-6);
    const ran = trace.traceEvents.map(({ name }) => name);
    expect(ran).toContain('VisualbertAttention');
    expect(ran).not.toContain('VisualbertSoftmax');
    await state.dispose();
    tf.dispose(Object.values(weights));
  });
});
