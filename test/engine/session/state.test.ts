// A State whose calls are not awaited: new sessions, added variables and disposal in the order of the calls.
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { compile } from '../../../src/engine/session/compile.js';
import type { Compiled } from '../../../src/engine/session/contract.js';
import { createState, type SessionState } from '../../../src/engine/session/state.js';
import type { RawTensor } from '../../../src/raw-tensor.js';
import { useBackend } from '../../helpers/backend.js';

let hasEngine = false;
beforeAll(async () => {
  const choice = await useBackend();
  hasEngine = choice.backend === 'tensorflow';
  if (!hasEngine) process.stdout.write(`skipped: ${choice.reason}\n`);
});

const ones = (count: number): RawTensor => ({
  dtype: 'float32',
  shape: [count],
  data: new Float32Array(count).fill(1),
});

/** Variables `a` and `b` in a state, and a function that adds the sum of `x` to both. */
async function twoVariables(
  options = {},
): Promise<{ a: tf.Variable; b: tf.Variable; state: SessionState; add: Compiled }> {
  const [a, b] = tf.tidy(() => [tf.variable(tf.scalar(1)), tf.variable(tf.scalar(10))] as const);
  const state = await createState(new Map(Object.entries({ a, b })), options);
  const add = compile(
    ({ x }) => {
      for (const variable of [a, b]) variable.assign(tf.add(variable, tf.sum(x as tf.Tensor)));
      return {};
    },
    { state, name: 'add' },
  );
  return { a, b, state, add };
}

describe('a state', () => {
  test('reads and adds variables while a call that was not awaited moves it into a new session', async () => {
    if (!hasEngine) return;
    const { a, b, state, add } = await twoVariables({ maxSignatures: 1 });
    await add({ x: ones(1) });
    const call = add({ x: ones(2) }); // the second signature: a new session
    const reading = Promise.all([state.read('a'), b.data()]);
    state.addVariable('early', { shape: [], fill: 7 });
    await Promise.resolve();
    state.addVariable('late', { shape: [], fill: 8 });
    await call;
    const [readA, dataB] = await reading;
    expect([readA.data[0], dataB[0]]).toEqual([4, 13]);
    expect([(await state.read('early')).data[0], (await state.read('late')).data[0]]).toEqual([7, 8]);
    await state.dispose();
    tf.dispose([a, b]);
  });

  test('takes no call once it is being disposed, and gives every variable back as of the same call', async () => {
    if (!hasEngine) return;
    const { a, b, state, add } = await twoVariables();
    await add({ x: ones(1) });
    const before = add({ x: ones(1) });
    const ends = [state.dispose(), state.dispose()];
    await expect(add({ x: ones(1) })).rejects.toThrow(/state was disposed/);
    await Promise.all([before, ...ends]);
    expect([a.dataSync()[0], b.dataSync()[0]]).toEqual([3, 12]);
    await expect(state.read('a')).rejects.toThrow(/state was disposed/);
    expect(() => state.addVariable('c', { shape: [] })).toThrow(/state was disposed/);
    tf.dispose([a, b]);
  });

  test('assigns a tensor from outside inside a function alone, and leaves that tensor alone', async () => {
    if (!hasEngine) return;
    const { a, b, state, add } = await twoVariables();
    const outside = tf.scalar(100);
    const reset = compile(() => ({ sum: a.assign(outside) ?? tf.add(a, outside) }), { state });
    expect((await reset({}))['sum']?.data[0]).toBe(200);
    expect(outside.dataSync()[0]).toBe(100);
    b.assign(outside);
    await expect(add({ x: ones(1) })).rejects.toThrow(/"b" was assigned outside of a compiled function.*state\.write/);
    await add({ x: ones(1) });
    await state.dispose();
    expect([a, b, outside].map((tensor) => tensor.dataSync()[0])).toEqual([101, 11, 100]);
    tf.dispose([a, b, outside]);
  });

  test('tells names apart that TensorFlow cannot write', async () => {
    if (!hasEngine) return;
    const [x, y] = tf.tidy(() => [tf.variable(tf.scalar(1)), tf.variable(tf.scalar(2))] as const);
    const state = await createState(
      new Map([
        ['my weight', x],
        ['my:weight', y],
      ]),
    );
    const difference = compile(
      ({ 'x 1': first, 'x:1': second }) => ({ d: tf.sub(tf.sub(x, y), tf.sub(first ?? 0, second ?? 0)) }),
      {
        state,
        name: '_différence',
      },
    );
    const scalar = (value: number): RawTensor => ({ dtype: 'float32', shape: [], data: Float32Array.of(value) });
    expect((await difference({ 'x 1': scalar(30), 'x:1': scalar(10) }))['d']?.data[0]).toBe(-21);
    await state.dispose();
    tf.dispose([x, y]);
  });

  test('refuses variables that it cannot hold before it takes any', async () => {
    if (!hasEngine) return;
    const { a, b, state } = await twoVariables();
    const free = tf.tidy(() => tf.variable(tf.scalar(5)));
    const text = tf.tidy(() => tf.variable(tf.tensor(['word'])));
    const gone = tf.tidy(() => tf.variable(tf.scalar(6)));
    gone.dispose();
    for (const [second, message] of [
      [a, /"second" belongs to another training step/],
      [free, /"second" is also given as "first"/],
      [text, /"second" is string/],
      [gone, /"second" was disposed/],
    ] as const) {
      await expect(createState(new Map(Object.entries({ first: free, second })))).rejects.toThrow(message);
      expect(free.dataSync()[0]).toBe(5);
    }
    await state.dispose();
    tf.dispose([a, b, free, text]);
  });

  test.each<[string, unknown, RegExp]>([
    [
      'an array of another dtype',
      { dtype: 'float32', shape: [], data: Int32Array.of(1) },
      /Float32Array, received Int32Array/,
    ],
    ['a plain array', { dtype: 'float32', shape: [], data: [1] }, /Float32Array, received Array/],
    ['another count', { dtype: 'float32', shape: [], data: new Float32Array(2) }, /shape \[\] but 2 values/],
    ['a dtype that it has not', { dtype: 'int64', shape: [], data: BigInt64Array.of(1n) }, /received int64/],
    ['a number', 1, /\{ dtype, shape, data \}, received Number/],
    ['another shape', ones(1), /expected float32 \[\], received float32 \[1\]/],
  ])('is never written with %s', async (_, value, message) => {
    if (!hasEngine) return;
    const { a, b, state } = await twoVariables();
    await expect(state.write('a', value as RawTensor)).rejects.toThrow(message);
    await state.dispose();
    expect(a.dataSync()[0]).toBe(1);
    tf.dispose([a, b]);
  });
});
