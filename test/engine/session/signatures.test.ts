// More signatures than a session may have: which are recorded again, how the bound grows, and that values do not change.
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { compile } from '../../../src/engine/session/compile.js';
import type { Compiled } from '../../../src/engine/session/contract.js';
import { SignatureBound } from '../../../src/engine/session/signature-bound.js';
import { createState, type SessionState } from '../../../src/engine/session/state.js';
import { setLogger } from '../../../src/logger.js';
import type { RawTensor, RawTensors } from '../../../src/raw-tensor.js';
import { useBackend } from '../../helpers/backend.js';

let hasEngine = false;
let warnings: string[] = [];
beforeAll(async () => {
  const choice = await useBackend();
  hasEngine = choice.backend === 'tensorflow';
  if (!hasEngine) process.stdout.write(`skipped: ${choice.reason}\n`);
});
afterEach(() => setLogger(null));

function catchWarnings(): void {
  warnings = [];
  setLogger({ info: () => undefined, warn: (message) => warnings.push(message) });
}

/** `1, 2, ..., count`. */
const upTo = (count: number): RawTensor => ({
  dtype: 'float32',
  shape: [count],
  data: Float32Array.from({ length: count }, (_, i) => i + 1),
});

/** A scalar in a state, and a function that adds the sum of `x` to it. */
async function adder(maxSignatures: number): Promise<{ total: tf.Variable; state: SessionState; add: Compiled }> {
  const total = tf.tidy(() => tf.variable(tf.scalar(0)));
  const state = await createState(new Map([['total', total]]), { maxSignatures });
  const add = compile(({ x }) => ({ total: total.assign(tf.add(total, tf.sum(x as tf.Tensor))) ?? total }), { state });
  return { total, state, add };
}

describe('a session with more signatures in rotation than maxSignatures', () => {
  test('grows until each is recorded once more at most, warns once, and keeps every value', async () => {
    if (!hasEngine) return;
    catchWarnings();
    const { total, state, add } = await adder(3);
    let expected = 0;
    const recordings: number[] = [];
    for (let round = 0; round < 4; round++) {
      for (const count of [1, 2, 3, 4, 5]) {
        expected += (count * (count + 1)) / 2;
        expect((await add({ x: upTo(count) }))['total']?.data).toEqual(Float32Array.of(expected));
      }
      recordings.push(state.recordings);
    }
    // 1, 2 and 3 fill the first session; 4, 5, and then 1 to 3 again are in the second, which has room for 6.
    expect(recordings).toEqual([5, 8, 8, 8]);
    expect(warnings).toEqual([
      expect.stringMatching(/more shapes than one session had room for.*pad them to fewer sizes/),
    ]);
    await state.dispose();
    expect(total.dataSync()).toEqual(Float32Array.of(expected));
    total.dispose();
  });

  test('neither grows nor warns for signatures that do not return', async () => {
    if (!hasEngine) return;
    catchWarnings();
    const { total, state, add } = await adder(2);
    for (const count of [1, 2, 3, 4, 5, 5, 5]) await add({ x: upTo(count) });
    expect(state.recordings).toBe(5);
    expect(warnings).toEqual([]);
    await state.dispose();
    expect(total.dataSync()).toEqual(Float32Array.of(1 + 3 + 6 + 10 + 15 + 15 + 15));
    total.dispose();
  });

  test('tells signatures apart by name, dtype and shape, in whatever order the inputs come', async () => {
    if (!hasEngine) return;
    const total = tf.tidy(() => tf.variable(tf.scalar(0)));
    const state = await createState(new Map([['total', total]]));
    const first = compile(
      (inputs) => ({ sum: tf.addN(Object.values(inputs).map((x) => tf.sum(tf.cast(x, 'float32')))) }),
      {
        state,
      },
    );
    const integers: RawTensor = { dtype: 'int32', shape: [2], data: Int32Array.of(10, 20) };
    const sums: (number | undefined)[] = [];
    const calls: RawTensors[] = [
      { a: upTo(2), b: upTo(3) },
      { b: upTo(3), a: upTo(2) },
      { a: upTo(3), b: upTo(2) },
      { a: integers, b: upTo(3) },
      { a: upTo(2), 'a: float32 [2]; b': upTo(3) },
    ];
    for (const inputs of calls) sums.push((await first(inputs))['sum']?.data[0]);
    expect(sums).toEqual([9, 9, 9, 36, 9]);
    expect(state.recordings).toBe(4);
    await state.dispose();
    total.dispose();
  });
});

describe('the bound of signatures', () => {
  test('doubles once a session up to what memory holds, never shrinks, and says which of the two happened', () => {
    catchWarnings();
    const bound = new SignatureBound(4, 10 * 30_000 * 2000);
    bound.grow(2000);
    expect(bound.value).toBe(8);
    bound.grow(2000); // the next of the same session, which has room by now
    expect(bound.value).toBe(8);
    const growths = [2000, 2000, 50_000].map((operations) => {
      bound.restart();
      bound.grow(operations);
      return bound.value;
    });
    expect(growths).toEqual([10, 10, 10]);
    expect(warnings).toEqual([
      expect.stringMatching(/recorded once more/),
      expect.stringMatching(/made again each time one returns, which is slow/),
    ]);
    expect(new SignatureBound().value).toBe(32);
    expect(new SignatureBound(0).value).toBe(1);
  });
});
