// Random numbers on TensorFlow, eager and recorded, against the TypeScript of src/random.
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { compile } from '../../../src/engine/session/compile.js';
import { createState } from '../../../src/engine/session/state.js';
import { dropout } from '../../../src/layers/dropout.js';
import { philoxUniform } from '../../../src/random/philox-uniform.js';
import { uniformValues } from '../../../src/random/values.js';
import { useBackend } from '../../helpers/backend.js';

let hasEngine = false;
beforeAll(async () => {
  const choice = await useBackend();
  hasEngine = choice.backend === 'tensorflow';
  if (!hasEngine) process.stdout.write(`skipped: ${choice.reason}\n`);
});

const CASES = [
  { seed: 0, step: 0, salt: 0 },
  { seed: 7, step: 3, salt: 0x9e3779b9 },
  { seed: -1, step: 2 ** 31 - 1, salt: 2 ** 32 - 1 },
];

/** Prints random numbers of a compiled function, and the types of the operations that were executed. XLA is chosen once for a process. */
const WITH_XLA = `
const { createState, compile, selectBackend } = await import(${JSON.stringify(`file://${resolve('dist/src/node.js')}`)});
const { philoxUniform } = await import(${JSON.stringify(`file://${resolve('dist/src/random/philox-uniform.js')}`)});
await selectBackend({ backend: 'tensorflow', xla: true });
const draw = compile(({ key }) => ({ values: philoxUniform([5, 3], key, 9) }), { state: await createState(new Map()) });
const key = { dtype: 'int32', shape: [2], data: Int32Array.of(7, 3) };
for (let i = 0; i < 2; i++) await draw({ key }); // XLA compiles what runs a second time
const { outputs, trace } = await draw.profile({ key });
console.log(JSON.stringify({ types: trace.traceEvents.map(({ name }) => name), bits: [...outputs.values.data] }));
`;

describe('PhiloxUniform', () => {
  test('draws the same bits eagerly on TensorFlow as in TypeScript', async () => {
    if (!hasEngine) return;
    for (const { seed, step, salt } of CASES) {
      const values = tf.tidy(() => philoxUniform([7, 11], tf.tensor1d([seed, step], 'int32'), salt));
      expect(await values.data()).toEqual(uniformValues(77, seed, step, salt));
      values.dispose();
    }
  });

  test('draws the same bits in a recorded function as in TypeScript', async () => {
    if (!hasEngine) return;
    const state = await createState(new Map());
    for (const { seed, step, salt } of CASES) {
      const draw = compile(({ key }) => ({ values: philoxUniform([5, 3], key as tf.Tensor1D, salt) }), { state });
      const { values } = await draw({ key: { dtype: 'int32', shape: [2], data: Int32Array.of(seed, step) } });
      expect(values).toEqual({ dtype: 'float32', shape: [5, 3], data: uniformValues(15, seed, step, salt) });
    }
    await state.dispose();
  });

  test('draws the same bits where XLA compiles the function', () => {
    if (!hasEngine) return;
    const { types, bits } = JSON.parse(
      execFileSync(process.execPath, ['--input-type=module', '-e', WITH_XLA], { encoding: 'utf8' }),
    ) as { types: string[]; bits: number[] };
    expect(types).toContain('_XlaRun');
    expect(Float32Array.from(bits)).toEqual(uniformValues(15, 7, 3, 9));
  });

  test('a worker draws what comes after the draws of the workers before it, eager, recorded and in the dropout kernel', async () => {
    if (!hasEngine) return;
    const [shape, salt, rate] = [[2, 6], 9, 0.5];
    const expected = uniformValues(36, 5, 4, salt).subarray(24); // of worker 2
    const key = Int32Array.of(5, 4, 2);
    const eager = tf.tidy(() => philoxUniform(shape, tf.tensor1d(key, 'int32'), salt));
    expect(await eager.data()).toEqual(expected);
    eager.dispose();
    const state = await createState(new Map());
    const draw = compile(
      ({ key, x }) => ({
        values: philoxUniform(shape, key as tf.Tensor1D, salt),
        masked: dropout(x as tf.Tensor, { rate, salt }, { training: true, dropoutKey: key as tf.Tensor1D }),
      }),
      { state },
    );
    const { values, masked } = await draw({
      key: { dtype: 'int32', shape: [3], data: key },
      x: { dtype: 'float32', shape, data: new Float32Array(12).fill(1) },
    });
    expect(values?.data).toEqual(expected);
    expect(masked?.data).toEqual(expected.map((value) => (value >= rate ? 2 : 0)));
    await state.dispose();
  });

  test('refuses a worker whose elements are no multiple of 4', () => {
    expect(() => philoxUniform([3, 3], tf.tensor1d([1, 2, 1], 'int32'), 0)).toThrow(/multiple of 4 elements/);
  });
});
