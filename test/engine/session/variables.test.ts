// Values in and out of a session: every dtype, read-only matrices, reads between queued runs, new sessions, a failed end, memory.
import { afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { NativeGraph } from '../../../src/engine/load/addon.js';
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
afterEach(() => void jest.restoreAllMocks());

const VALUES: Record<string, RawTensor> = {
  floats: { dtype: 'float32', shape: [2, 3], data: Float32Array.of(1.5, -0, 1e-40, Infinity, NaN, 3e38) },
  integers: { dtype: 'int32', shape: [3], data: Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1) },
  flags: { dtype: 'bool', shape: [2, 2], data: Uint8Array.of(1, 0, 0, 1) },
  scalar: { dtype: 'float32', shape: [], data: Float32Array.of(7) },
  nothing: { dtype: 'float32', shape: [0, 3], data: new Float32Array() },
};

/** Variables of the values of `raw`, in order. */
function variablesOf(raw: Readonly<Record<string, RawTensor>>): Map<string, tf.Variable> {
  const make = ({ data, shape, dtype }: RawTensor): tf.Variable =>
    tf.tidy(() => tf.variable(tf.tensor(data.slice(), shape, dtype)));
  return new Map(Object.entries(raw).map(([name, value]) => [name, make(value)]));
}

function readAll(state: SessionState, names: readonly string[]): Promise<RawTensor[]> {
  return Promise.all(names.map((name) => state.read(name)));
}

/** A state of one scalar, and a function that adds its input to it. */
async function counter(options = {}): Promise<{ count: tf.Variable; state: SessionState; add: Compiled }> {
  const count = tf.tidy(() => tf.variable(tf.scalar(0)));
  const state = await createState(new Map([['count', count]]), options);
  const add = compile(({ x }) => ({ count: count.assign(tf.add(count, tf.sum(x as tf.Tensor))) ?? count }), { state });
  return { count, state, add };
}

const filled = (shape: number[], value: number): RawTensor => ({
  dtype: 'float32',
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value),
});

describe('variables in a session', () => {
  test('are read as they were given, as they were written, and as they come back', async () => {
    if (!hasEngine) return;
    const variables = variablesOf(VALUES);
    const names = [...variables.keys()];
    const state = await createState(variables);
    expect(await readAll(state, names)).toEqual(Object.values(VALUES));
    const others = Object.values(VALUES).map((value) => ({ ...value, data: value.data.slice().reverse() }));
    for (const [index, name] of names.entries()) await state.write(name, others[index] as RawTensor);
    expect(await readAll(state, names)).toEqual(others);
    await state.dispose();
    expect([...variables.values()].map((variable) => variable.dataSync())).toEqual(others.map(({ data }) => data));
    tf.dispose([...variables.values()]);
  });

  test.each(['fp32', 'bf16', 'fp16'] as const)('are exact when %s products only read them', async (precision) => {
    if (!hasEngine) return;
    const fine = 2 ** -20; // float32 has it beside small numbers, the low precisions do not
    const kept = precision === 'fp32' ? fine : 0;
    const matrix: RawTensor = { dtype: 'float32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 1 + fine) };
    const variables = variablesOf({ matrix });
    const weight = variables.get('matrix') as tf.Variable;
    const state = await createState(variables, {
      readOnly: { matrices: () => true, precision },
      maxSignatures: 1,
    });
    const multiply = compile(({ x }) => ({ y: tf.matMul(x as tf.Tensor2D, weight as tf.Tensor2D, false, true) }), {
      state,
      precision,
    });
    expect(await state.read('matrix')).toEqual(matrix);
    expect((await multiply({ x: filled([1, 3], 1) }))['y']?.data).toEqual(Float32Array.of(6, 10 + kept));
    const written = { ...matrix, data: Float32Array.of(1, 1, 1, 2, 2, 2 + fine) };
    await state.write('matrix', written);
    expect(await state.read('matrix')).toEqual(written);
    expect((await multiply({ x: filled([2, 3], 1) }))['y']?.data).toEqual(Float32Array.of(3, 6 + kept, 3, 6 + kept)); // in a new session
    expect(await state.read('matrix')).toEqual(written);
    await state.dispose();
    expect(weight.dataSync()).toEqual(written.data);
    weight.dispose();
  });

  test('are read as of the call, whatever runs are queued', async () => {
    if (!hasEngine) return;
    const { count, state, add } = await counter({ maxSignatures: 1 });
    const reads: Promise<RawTensor>[] = [];
    for (const size of [1, 2, 2, 1]) {
      void add({ x: filled([size], 1) }); // each signature in a session of its own
      reads.push(state.read('count'));
    }
    void state.write('count', filled([], 100));
    reads.push(state.read('count'));
    void add({ x: filled([1], 1) });
    const added = state.addVariable('added', { shape: [2], fill: 5 });
    reads.push(state.read('count'), state.read('added'));
    expect((await Promise.all(reads)).map(({ data }) => data[0])).toEqual([1, 3, 5, 6, 100, 101, 5]);
    expect(added.isDisposed).toBe(false);
    await state.dispose();
    count.dispose();
  });

  test('share operations, however many there are', async () => {
    if (!hasEngine) return;
    const variables = variablesOf(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`v${i}`, filled([3], i)])));
    const state = await createState(variables);
    await state.read('v0');
    const add = jest.spyOn(NativeGraph.prototype, 'add');
    const values = await readAll(state, [...variables.keys()]);
    expect(values.map(({ data }) => data[2])).toEqual(Array.from({ length: 300 }, (_, i) => i));
    await Promise.all(values.map(({ data }, i) => state.write(`v${i}`, filled([3], 2 * Number(data[0])))));
    expect((await state.read('v299')).data).toEqual(Float32Array.of(598, 598, 598));
    expect(add).not.toHaveBeenCalled();
    await state.dispose();
    expect(variables.get('v150')?.dataSync()).toEqual(Float32Array.of(300, 300, 300));
    tf.dispose([...variables.values()]);
  });

  test('are lent one after the other while later calls wait, and are empty then', async () => {
    if (!hasEngine) return;
    const { count, state, add } = await counter();
    state.addVariable('added', { shape: [2], fill: 5 });
    const call = add({ x: filled([1], 1) });
    const lent: RawTensor[] = [];
    const lending = state.lend(async (read) => {
      lent.push(await read('count'));
      expect(lent[0]?.data).toEqual(Float32Array.of(1));
      lent.push(await read('added'));
      expect(lent.map(({ data }) => data[0])).toEqual([undefined, 5]);
      return 'done';
    });
    const later = add({ x: filled([1], 1) });
    expect(await lending).toBe('done');
    expect(lent.map(({ data }) => data.length)).toEqual([0, 0]);
    await Promise.all([call, later]);
    const failing = state.lend(async (read) => read('missing'));
    await expect(failing).rejects.toThrow(/no variable "missing"/);
    expect((await state.read('count')).data).toEqual(Float32Array.of(2));
    await state.dispose();
    count.dispose();
  });

  test('stay in a session whose end failed, and come back with the next try', async () => {
    if (!hasEngine) return;
    const { count, state, add } = await counter();
    await add({ x: filled([1], 4) });
    jest.spyOn(NativeGraph.prototype, 'share').mockRejectedValueOnce(new Error('out of memory'));
    await expect(state.dispose()).rejects.toThrow('out of memory');
    expect((await state.read('count')).data).toEqual(Float32Array.of(4));
    await add({ x: filled([1], 1) });
    await state.dispose();
    await expect(state.read('count')).rejects.toThrow(/was disposed/);
    expect(count.dataSync()).toEqual(Float32Array.of(5));
    count.dispose();
  });

  test('take no further memory when they are lent or come back', async () => {
    if (!hasEngine) return;
    const size = 4 << 20; // 16 MB each
    const names = Array.from({ length: 8 }, (_, i) => `v${i}`);
    const variables = variablesOf(Object.fromEntries(names.map((name, i) => [name, filled([size], i)])));
    const state = await createState(variables);
    const resident: number[] = [];
    await state.lend(async (read) => {
      for (const name of names) {
        expect((await read(name)).data[size - 1]).toBe(Number(name.slice(1)));
        resident.push(process.memoryUsage.rss());
      }
    });
    await state.dispose();
    resident.push(process.memoryUsage.rss());
    expect(Math.max(...resident) - Number(resident[0])).toBeLessThan(4 * size); // less than one of them
    expect(names.map((name) => variables.get(name)?.dataSync()[size - 1])).toEqual(names.map((_, i) => i));
    tf.dispose([...variables.values()]);
  });
});
