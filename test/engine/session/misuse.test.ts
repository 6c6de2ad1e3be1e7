// Invalid inputs, functions and variables, and disposed ones: errors of the package with their remedy.
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { compile } from '../../../src/engine/session/compile.js';
import type { CompileOptions, VariableSpec } from '../../../src/engine/session/contract.js';
import type { Tensors } from '../../../src/raw-tensor.js';
import { createState } from '../../../src/engine/session/state.js';
import { EngineError, ShapeError } from '../../../src/errors.js';
import type { RawTensors } from '../../../src/raw-tensor.js';
import { useBackend } from '../../helpers/backend.js';

let hasEngine = false;
beforeAll(async () => {
  const choice = await useBackend();
  hasEngine = choice.backend === 'tensorflow';
  if (!hasEngine) process.stdout.write(`skipped: ${choice.reason}\n`);
});

const none = null as unknown;
const sum = ({ x }: Tensors): Tensors => ({ sum: tf.sum(x as tf.Tensor) });

test('a compiled function without inputs by name is a ShapeError that says what to pass', async () => {
  if (!hasEngine) return;
  const state = await createState(new Map());
  const run = compile(sum, { state });
  for (const call of [run(none as RawTensors), run.profile(undefined as unknown as RawTensors)]) {
    await expect(call).rejects.toThrow(ShapeError);
    await expect(call).rejects.toThrow(/sum: expected inputs by name.*received (null|undefined); pass \{\}/);
  }
  const tensor = tf.scalar(1);
  const disposed = tf.scalar(2);
  disposed.dispose();
  for (const x of [tensor, disposed]) {
    await expect(run({ x } as unknown as RawTensors)).rejects.toThrow(
      /received Tensor; pass \{ dtype, shape, data: await/,
    );
  }
  await expect(run({ x: none } as RawTensors)).rejects.toThrow(
    /input "x": expected \{ dtype, shape, data \}, received Null/,
  );
  await state.dispose();
  tensor.dispose();
});

test('a state that was disposed, and functions compiled over it, say to create another', async () => {
  if (!hasEngine) return;
  const w = tf.tidy(() => tf.variable(tf.scalar(3)));
  const state = await createState(new Map([['w', w]]));
  const run = compile(() => ({ w }), { state });
  expect((await run({}))['w']?.data).toEqual(Float32Array.of(3));
  await state.dispose();
  const message = /state was disposed.*create another state with createState/;
  const value = { dtype: 'float32' as const, shape: [], data: Float32Array.of(1) };
  for (const call of [
    run({}),
    run.profile({}),
    state.read('w'),
    state.write('w', value),
    state.lend(async (read) => read('w')),
  ]) {
    await expect(call).rejects.toThrow(message);
    await expect(call).rejects.toThrow(EngineError);
  }
  expect(() => state.addVariable('v', { shape: [] })).toThrow(message);
  const again = await createState(new Map([['w', w]])); // the variable is free again
  await again.dispose();
  w.dispose();
});

test('what cannot be compiled or held is named, with what to give instead', async () => {
  if (!hasEngine) return;
  const state = await createState(new Map());
  expect(() => compile(none as typeof sum, { state })).toThrow(
    /compile: expected a function of tensors, received null/,
  );
  expect(() => compile(sum, none as CompileOptions)).toThrow(/expected a state made by createState/);
  expect(() => compile(sum, {} as CompileOptions)).toThrow(/expected a state made by createState/);
  expect(() => state.addVariable('v', none as VariableSpec)).toThrow(/addVariable: "v": expected \{ shape \}/);
  const constant = tf.scalar(1);
  await expect(createState(none as Map<string, tf.Variable>)).rejects.toThrow(
    /expected a Map of variables.*namedParameters/,
  );
  const noVariable = new Map([['c', constant as tf.Variable]]);
  await expect(createState(noVariable)).rejects.toThrow(/"c" is not a tf\.Variable; make one with tf\.variable/);
  await state.dispose();
  constant.dispose();
});
