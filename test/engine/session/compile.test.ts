// Compiled functions against the same functions run eagerly, their state, their order and their errors.
import { setImmediate } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { engineInfo } from '../../../src/engine/info.js';
import { collectGarbage } from '../../../src/engine/load/collect-garbage.js';
import { compile } from '../../../src/engine/session/compile.js';
import type { ReadOnlyMatrices } from '../../../src/engine/session/contract.js';
import type { Tensors } from '../../../src/raw-tensor.js';
import type { RawTensor, RawTensors } from '../../../src/raw-tensor.js';
import { createState, type SessionState } from '../../../src/engine/session/state.js';
import { useBackend } from '../../helpers/backend.js';

let hasEngine = false;
beforeAll(async () => {
  const choice = await useBackend();
  hasEngine = choice.backend === 'tensorflow';
  if (!hasEngine) process.stdout.write(`skipped: ${choice.reason}\n`);
});

const float = (shape: number[], ...values: number[]): RawTensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});

/** One variable `w` [3, 2] and a state that holds it. */
async function oneVariable(options = {}): Promise<{ w: tf.Variable; state: SessionState }> {
  const w = tf.tidy(() => tf.variable(tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2])));
  return { w, state: await createState(new Map([['w', w]]), options) };
}

async function finish(state: SessionState, ...variables: tf.Variable[]): Promise<void> {
  await state.dispose();
  for (const variable of variables) variable.dispose();
}

describe('compile', () => {
  test('gives the values and gradients of eager tfjs', async () => {
    if (!hasEngine) return;
    const w = tf.variable(tf.tensor2d([0.1, 0.2, -0.3, 0.4, 0.5, -0.6], [3, 2]), true, 'weight');
    const lossAndGradient = ({ x }: Tensors): Tensors => {
      const { value, grads } = tf.variableGrads(() => {
        const y = tf.softmax(tf.matMul(x as tf.Tensor, w));
        return tf.mean(tf.square(tf.sub(tf.erf(y), 0.5))) as tf.Scalar;
      });
      return { loss: value, gradient: grads['weight'] as tf.Tensor };
    };
    const x = float([4, 3], 1, 2, 3, 4, -5, 6, 7, 0, 9, -1, 2, 1);
    const eager = tf.tidy(() => lossAndGradient({ x: tf.tensor(x.data, x.shape) }));
    const expected = { loss: await eager['loss']?.data(), gradient: await eager['gradient']?.data() };
    const state = await createState(new Map([['w', w]]));
    const run = compile(lossAndGradient, { state });
    const outputs = await run({ x });
    expect(outputs['loss']?.shape).toEqual([]);
    expect(outputs['gradient']?.shape).toEqual([3, 2]);
    expect(outputs['loss']?.data[0]).toBeCloseTo(expected.loss?.[0] as number, 6);
    outputs['gradient']?.data.forEach((value, i) => expect(value).toBeCloseTo(expected.gradient?.[i] as number, 6));
    tf.dispose(eager);
    await finish(state, w);
  });

  test('assigns variables at the end of a run, and later reads inside see the assigned value', async () => {
    if (!hasEngine) return;
    const { w, state } = await oneVariable();
    const count = state.addVariable('count', { shape: [], dtype: 'int32', fill: 40 });
    const step = compile(
      ({ x }) => {
        const before = tf.sum(w);
        w.assign(tf.add(w, x as tf.Tensor));
        count.assign(tf.add(count, tf.scalar(1, 'int32')));
        return { before, after: tf.sum(w) };
      },
      { state },
    );
    const one = await step({ x: float([], 1) });
    expect([one['before']?.data[0], one['after']?.data[0]]).toEqual([21, 27]);
    await step({ x: float([], 2) });
    expect(await state.read('w')).toEqual(float([3, 2], 4, 5, 6, 7, 8, 9));
    expect(Array.from(await w.data())).toEqual([4, 5, 6, 7, 8, 9]);
    expect((await state.read('count')).data).toEqual(Int32Array.of(42));
    await state.write('w', float([3, 2], 0, 0, 0, 0, 0, 0.5));
    await state.dispose();
    expect(Array.from(w.dataSync())).toEqual([0, 0, 0, 0, 0, 0.5]);
    w.dispose();
  });

  test('runs calls in order when they are not awaited, and copies inputs at the call', async () => {
    if (!hasEngine) return;
    const { w, state } = await oneVariable();
    const scale = compile(({ x }) => ({ w: w.assign(tf.mul(w, x as tf.Tensor)) ?? tf.sum(w) }), { state });
    const add = compile(({ x }) => ({ w: w.assign(tf.add(w, x as tf.Tensor)) ?? tf.sum(w) }), { state });
    const input = float([], 10);
    const first = scale({ x: input });
    input.data[0] = 1;
    const second = add({ x: input });
    input.data[0] = 0.5;
    const third = scale({ x: input });
    input.data[0] = 99;
    expect((await Promise.all([third, second, first])).map(({ w }) => w?.data[0])).toEqual([108, 216, 210]);
    await finish(state, w);
  });

  test('fills added variables though the recording that would have used them first fails', async () => {
    if (!hasEngine) return;
    const { state } = await oneVariable();
    const large = state.addVariable('large', { shape: [1 << 22], fill: 0.5 });
    const failing = compile(({ x }) => ({ y: tf.scalar((x as tf.Tensor).dataSync()[0] ?? 0) }), { state });
    const [failed, read] = await Promise.allSettled([failing({ x: float([], 1) }), state.read('large')]);
    expect(failed.status).toBe('rejected');
    expect(read.status === 'fulfilled' && read.value.data.every((value) => value === 0.5)).toBe(true);
    const sum = compile(() => ({ sum: tf.sum(large) }), { state });
    expect((await sum({}))['sum']?.data[0]).toBe(1 << 21);
  });

  test('gives eager numbers over 12 signatures of two functions with room for 4, and says that it starts anew', async () => {
    if (!hasEngine) return;
    const lines: string[] = [];
    const { w, state } = await oneVariable({ maxSignatures: 4, log: (line: string) => lines.push(line) });
    const momentum = state.addVariable('momentum', { shape: [3, 2] });
    const train = compile(
      function train({ x }) {
        const gradient = tf.matMul(x as tf.Tensor, tf.matMul(x as tf.Tensor, w), true, false);
        momentum.assign(tf.add(tf.mul(momentum, 0.5), gradient));
        w.assign(tf.sub(w, tf.mul(momentum, 0.01)));
        return { norm: tf.sum(tf.square(gradient)) };
      },
      { state },
    );
    const evaluate = compile(({ x }) => ({ y: tf.sum(tf.matMul(x as tf.Tensor, w)) }), { state, name: 'evaluate' });
    const reference = { w: tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]) as tf.Tensor, momentum: tf.zeros([3, 2]) };
    const seen: RawTensors[] = [];
    const expected: number[] = [];
    for (const rows of [1, 2, 3, 4, 5, 6, 1, 6]) {
      const data = Float32Array.from({ length: rows * 3 }, (_, i) => Math.sin(i + rows));
      const x = tf.tensor2d(data, [rows, 3]);
      const gradient = tf.matMul(x, tf.matMul(x, reference.w), true, false);
      reference.momentum = tf.add(tf.mul(reference.momentum, 0.5), gradient);
      reference.w = tf.sub(reference.w, tf.mul(reference.momentum, 0.01));
      expected.push(
        tf.sum(tf.square(gradient)).dataSync()[0] as number,
        tf.sum(tf.matMul(x, reference.w)).dataSync()[0] as number,
      );
      const raw: RawTensor = { dtype: 'float32', shape: [rows, 3], data };
      seen.push(await train({ x: raw }), await evaluate({ x: raw }));
    }
    seen.forEach((outputs, i) => expect(Object.values(outputs)[0]?.data[0]).toBeCloseTo(expected[i] as number, 3));
    const trained = await w.data();
    reference.w.dataSync().forEach((value, i) => expect(trained[i]).toBeCloseTo(value, 5));
    expect(lines.filter((line) => line.includes('starting a new session'))).toHaveLength(3);
    expect(lines.filter((line) => line.includes('recorded train('))).not.toHaveLength(0);
    await finish(state, w);
  });

  test.each([
    ['fp32', 'fp32'],
    ['bf16', 'bf16'],
    ['fp32', 'bf16'],
    ['bf16', 'fp32'],
    ['fp16', 'bf16'],
  ] as const)('keeps a read-only matrix for products in %s and shows it as it is, in %s', async (kept, precision) => {
    if (!hasEngine) return;
    const readOnly: ReadOnlyMatrices = { matrices: () => true, precision: kept };
    const { w, state } = await oneVariable({ readOnly, maxSignatures: 1 });
    const run = compile(
      ({ x, y }) => ({
        byTranspose: tf.matMul(x as tf.Tensor, w, false, true),
        product: tf.matMul(y as tf.Tensor, w),
        fromLeft: tf.matMul(w, x as tf.Tensor, false, true),
        rows: tf.gather(w, tf.tensor1d([2, 0], 'int32')),
      }),
      { state, precision },
    );
    for (const rows of [1, 2]) {
      const x = float([rows, 2], ...[1, 2, 3, 4].slice(0, 2 * rows));
      const { byTranspose, product, fromLeft, rows: taken } = await run({ x, y: float([1, 3], 1, 1, 1) });
      expect([...(byTranspose?.data ?? [])]).toEqual([5, 11, 17, 11, 25, 39].slice(0, 3 * rows));
      expect([...(product?.data ?? [])]).toEqual([9, 12]);
      expect([...(fromLeft?.data ?? [])]).toEqual(rows === 1 ? [5, 11, 17] : [5, 11, 11, 25, 17, 39]);
      expect([...(taken?.data ?? [])]).toEqual([5, 6, 1, 2]);
    }
    expect([...(await state.read('w')).data]).toEqual([1, 2, 3, 4, 5, 6]);
    await state.write('w', float([3, 2], 6, 5, 4, 3, 2, 1 / 3));
    const { rows } = await run({ x: float([1, 2], 1, 2), y: float([1, 3], 1, 1, 1) });
    expect([...(rows?.data ?? [])]).toEqual([2, Math.fround(1 / 3), 6, 5]); // not rounded to the precision of products
    const assigning = compile(
      () => {
        w.assign(tf.zeros([3, 2]));
        return { done: tf.scalar(1) };
      },
      { state },
    );
    await expect(assigning({})).rejects.toThrow(/"w" is read-only.*leave it out of readOnly/);
    await state.dispose();
    expect([...w.dataSync()]).toEqual([6, 5, 4, 3, 2, Math.fround(1 / 3)]);
    w.dispose();
  });

  test('leaves the event loop free', async () => {
    if (!hasEngine) return;
    const { w, state } = await oneVariable();
    const slow = compile(
      ({ x }) => {
        let y = x as tf.Tensor;
        for (let i = 0; i < 30; i++) y = tf.sin(tf.matMul(y, x as tf.Tensor));
        return { y: tf.sum(y) };
      },
      { state },
    );
    const x: RawTensor = { dtype: 'float32', shape: [700, 700], data: new Float32Array(490000).fill(0.01) };
    await slow({ x });
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await slow({ x });
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(2);
    await finish(state, w);
  });

  test('takes matrix products in bfloat16 and everything else in float32', async () => {
    if (!hasEngine) return;
    const { w, state } = await oneVariable();
    const product = compile(({ x }) => ({ y: tf.add(tf.matMul(x as tf.Tensor, w), 0.001) }), {
      state,
      precision: 'bf16',
    });
    const { y } = await product({ x: float([1, 3], 1.001, 2, 1) }); // 1.001 is 1 in bfloat16
    expect(y?.data[0]).toBeCloseTo(1 + 6 + 5 + 0.001, 5);
    expect(y?.data[1]).toBeCloseTo(2 + 8 + 6 + 0.001, 5);
    await finish(state, w);
  });

  test('keeps what lies between convolutions in bfloat16, and leaves it for everything else', async () => {
    if (!hasEngine) return;
    const { w, state } = await oneVariable();
    const convolved = compile(
      ({ x }) => {
        const map = tf.relu(tf.add(tf.conv2d(x as tf.Tensor4D, tf.tensor4d([1], [1, 1, 1, 1]), 1, 'same'), 0.001));
        return { map, mean: tf.mean(tf.maxPool(map as tf.Tensor4D, 1, 1, 'same'), [1, 2]) };
      },
      { state, precision: 'bf16' },
    );
    const { map, mean } = await convolved({ x: float([1, 1, 3, 1], 1.001, -2, 1.0078125) });
    expect([...(map?.data ?? [])]).toEqual([1, 0, 1.0078125]); // 1.001 is 1 in bfloat16, whose next number is 1.0078125
    expect(mean?.data[0]).toBeCloseTo(2.0078125 / 3, 6);
    await finish(state, w);
  });

  test('adds a vector to a low-precision product that was reshaped to a vector', async () => {
    if (!hasEngine) return;
    const { w, state } = await oneVariable();
    const vector = compile(
      ({ x }) => ({ y: tf.add(tf.reshape(tf.matMul(x as tf.Tensor, w), [2]), tf.tensor1d([1, 2])) }),
      { state, precision: 'bf16' },
    );
    expect([...((await vector({ x: float([1, 3], 1, 1, 1) }))['y']?.data ?? [])]).toEqual([10, 14]);
    await finish(state, w);
  });

  test('gives out inputs and variables as they are', async () => {
    if (!hasEngine) return;
    const { w, state } = await oneVariable();
    const pass = compile(({ x }) => ({ x: x as tf.Tensor, again: x as tf.Tensor, w }), { state });
    const x = float([2], -0, NaN);
    expect(await pass({ x })).toEqual({ x, again: x, w: float([3, 2], 1, 2, 3, 4, 5, 6) });
    await finish(state, w);
  });

  test('shares equal constants, and keeps those apart whose bits or dtypes differ', async () => {
    if (!hasEngine) return;
    const { w, state } = await oneVariable();
    const inverses = compile(
      () => ({
        plus: tf.div(1, tf.scalar(0)),
        minus: tf.div(1, tf.scalar(-0)),
        again: tf.div(1, tf.scalar(0)),
        whole: tf.scalar(0, 'int32'),
      }),
      { state },
    );
    expect(await inverses({})).toEqual({
      plus: float([], Infinity),
      minus: float([], -Infinity),
      again: float([], Infinity),
      whole: { dtype: 'int32', shape: [], data: Int32Array.of(0) },
    });
    await finish(state, w);
  });

  test('writes a Chrome trace with the operations of a run', async () => {
    if (!hasEngine) return;
    const { w, state } = await oneVariable();
    const product = compile(({ x }) => ({ y: tf.matMul(x as tf.Tensor, w) }), { state });
    const { outputs, trace } = await product.profile({ x: float([1, 3], 1, 1, 1) });
    expect(outputs['y']?.data).toEqual(Float32Array.of(9, 12));
    expect(trace.traceEvents.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['process_name', expect.stringMatching(/MatMul/)]),
    );
    await finish(state, w);
  });

  test('multiplies matrices with oneDNN, also where TensorFlow would not ask for it by itself', async () => {
    if (!hasEngine || process.arch !== 'x64' || process.env.TF_ENABLE_ONEDNN_OPTS === '0') return;
    const { w, state } = await oneVariable();
    const product = compile(({ x }) => ({ y: tf.matMul(x as tf.Tensor, w) }), { state });
    const { trace } = await product.profile({ x: float([1, 3], 1, 1, 1) });
    expect(trace.traceEvents.map(({ name }) => name)).toContain('_MklMatMul');
    expect((await engineInfo()).oneDnn).toBe(true);
    await finish(state, w);
  });

  test('keeps no variable of a state that was disposed', async () => {
    if (!hasEngine) return;
    const variable = await (async () => {
      const { w, state } = await oneVariable();
      await compile(({ x }) => ({ y: tf.matMul(x as tf.Tensor, w) }), { state })({ x: float([1, 3], 1, 1, 1) });
      await finish(state, w);
      return new WeakRef(w);
    })();
    await setImmediate(); // a WeakRef keeps its target until the end of the turn
    collectGarbage();
    expect(variable.deref()).toBeUndefined();
  });

  test('frees every tensor', async () => {
    if (!hasEngine) return;
    const before = tf.memory();
    const { w, state } = await oneVariable();
    const step = compile(({ x }) => ({ y: w.assign(tf.add(w, x as tf.Tensor)) ?? tf.sum(w) }), { state });
    for (let i = 0; i < 50; i++) await step({ x: float([], 0.5) });
    await finish(state, w);
    const after = tf.memory();
    expect({ tensors: after.numTensors, buffers: after.numDataBuffers, bytes: after.numBytes }).toEqual({
      tensors: before.numTensors,
      buffers: before.numDataBuffers,
      bytes: before.numBytes,
    });
  });
});

describe('errors of compile', () => {
  const here = /compile\.test\.ts:\d+:\d+/;

  test.each<[string, (x: tf.Tensor, w: tf.Variable) => tf.Tensor, RegExp]>([
    [
      'reading a value',
      (x) => tf.scalar(tf.sum(x).dataSync()[0] as number),
      /read in JavaScript while .* result of Sum/,
    ],
    ['a shape that depends on data', (x) => tf.unique(tf.reshape(x, [-1])).values, /Unique.* depends on the data/],
    ['a complex result', (x) => tf.real(tf.complex(x, x)), /Complex cannot be recorded: .* float32, int32 nor bool/],
    ['a kernel that does not exist', (x) => tf.engine().runKernel('NoSuchKernel', { x }), /NoSuchKernel/],
    ['shapes that do not fit', (x, w) => tf.matMul(w, x), /inner dimensions|MatMul/i],
  ])('name the operation and the line: %s', async (_, body, message) => {
    if (!hasEngine) return;
    const { w, state } = await oneVariable();
    const run = compile(({ x }) => ({ y: body(x as tf.Tensor, w) }), { state });
    const failure = run({ x: float([1, 3], 1, 2, 3) });
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toThrow(here);
    expect(tf.getBackend()).toBe('tensorflow');
    await finish(state, w);
  });

  test('name a variable that was disposed, or is in no state, or is held', async () => {
    if (!hasEngine) return;
    const { w, state } = await oneVariable();
    const stranger = tf.variable(tf.ones([2]), true, 'stranger');
    const foreign = compile(() => ({ y: tf.sum(stranger) }), { state });
    await expect(foreign({})).rejects.toThrow(/"stranger" \[2\] is not in the state/);
    expect(() => tf.sum(w).dataSync()).toThrow(/"w" is held by a compiled state/);
    const run = compile(() => ({ y: tf.sum(w) }), { state });
    w.dispose();
    await expect(run({})).rejects.toThrow(/"w" was disposed/);
    await finish(state);
    stranger.dispose();
  });

  test('refuse what is not a plain function of tensors', async () => {
    if (!hasEngine) return;
    const { w, state } = await oneVariable();
    const notTensors = compile(() => ({ y: 1 as unknown as tf.Tensor }), { state });
    await expect(notTensors({})).rejects.toThrow(/object of tensors/);
    const wrongSize = compile(({ x }) => ({ x: x as tf.Tensor }), { state });
    await expect(wrongSize({ x: { dtype: 'float32', shape: [2], data: new Float32Array(3) } })).rejects.toThrow(
      /shape \[2\] but 3 values/,
    );
    const integers: RawTensor = { dtype: 'float32', shape: [1], data: Int32Array.of(1) };
    await expect(wrongSize({ x: integers })).rejects.toThrow(/input "x": expected float32 in a Float32Array/);
    const tensor = tf.scalar(1);
    await expect(wrongSize({ x: tensor as unknown as RawTensor })).rejects.toThrow(/received Tensor/);
    tensor.dispose();
    await finish(state, w);
  });
});
