// Invalid inputs, functions and variables, and disposed ones: errors of the package with their remedy.
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { compile } from '../../../src/engine/session/compile.js';
import type { CompileOptions, StateOptions, VariableSpec } from '../../../src/engine/session/contract.js';
import type { Tensors } from '../../../src/raw-tensor.js';
import { createState } from '../../../src/engine/session/state.js';
import { ConfigError, EngineError, ShapeError } from '../../../src/errors.js';
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
  for (const [options, problem] of [
    [none, 'compile: expected an object of options, received null'],
    [{}, 'compile: state: expected a state made by createState, received none'],
    [{ state, name: 5 }, 'compile: name: expected a name, received 5'],
    [{ state, precision: 'int4' }, 'compile: precision: expected one of fp32, bf16, fp16, int8, received "int4"'],
    [{ state, compile: true }, 'compile: unknown compile; known: state, name, precision'],
  ] as const)
    expect(() => compile(sum, options as CompileOptions)).toThrow(new ConfigError(problem));
  const shape = [2];
  for (const [spec, problem] of [
    [none, 'addVariable: "v": expected an object of options, received null'],
    [{}, 'addVariable: "v": shape: expected a list of sizes, [] for a scalar, received none'],
    [{ shape: [2, -1] }, 'addVariable: "v": shape.1: expected a whole number of at least 0, received -1'],
    [{ shape, dtype: 'bool' }, 'addVariable: "v": dtype: expected one of float32, int32, received "bool"'],
    [{ shape, fill: '1' }, 'addVariable: "v": fill: expected a number, received "1"'],
    [{ shape, trainable: 1 }, 'addVariable: "v": trainable: expected true or false, received 1'],
  ] as const)
    expect(() => state.addVariable('v', spec as unknown as VariableSpec)).toThrow(new ConfigError(problem));
  await expect(state.lend(none as () => Promise<void>)).rejects.toThrow(
    'lend: use: expected a function, received null',
  );
  const constant = tf.scalar(1);
  await expect(createState(none as Map<string, tf.Variable>)).rejects.toThrow(
    /expected a Map of variables.*namedParameters/,
  );
  const noVariable = new Map([['c', constant as tf.Variable]]);
  await expect(createState(noVariable)).rejects.toThrow(/"c" is not a tf\.Variable; make one with tf\.variable/);
  await state.dispose();
  constant.dispose();
});

test.each<[object, string | RegExp]>([
  [{ maxSignatures: 0 }, 'maxSignatures: expected a whole number of at least 1, received 0'],
  [{ intraOpThreads: 1.5 }, 'intraOpThreads: expected a whole number of at least 0, received 1.5'],
  [{ interOpThreads: '2' }, 'interOpThreads: expected a whole number of at least 0, received "2"'],
  [{ readOnly: 'weights' }, 'readOnly: expected { matrices, precision }, received "weights"'],
  [
    { readOnly: { matrices: () => true, precision: 'int4' } },
    'readOnly.precision: expected one of fp32, bf16, fp16, int8, received "int4"',
  ],
  [{ readOnly: { matrices: ['w'], precision: 'fp32' } }, 'readOnly.matrices: expected a function, received ["w"]'],
  [{ readOnly: { matrices: () => true } }, 'readOnly.precision: expected one of fp32, bf16, fp16, int8, received none'],
  [
    { readOnly: { matrices: () => true, precision: 'bf16', packs: 1 } },
    'readOnly.packs: expected true or false, received 1',
  ],
  [{ readOnly: { matrices: () => true, precision: 'bf16', pack: true } }, 'readOnly: unknown pack'],
  [{ server: 'localhost:2222' }, 'server: expected the server of joinCluster, received "localhost:2222"'],
  [{ values: new Map() }, 'values: expected a function, received {}'],
  [{ log: true }, 'log: expected a function, received true'],
  [{ threads: 2 }, /^createState: unknown threads; known: maxSignatures, intraOpThreads, /],
])('options of a state that cannot be used are refused by name: %j', async (options, problem) => {
  const error: unknown = await createState(new Map(), options as StateOptions).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigError); // with or without the engine
  if (typeof problem === 'string') expect((error as Error).message).toBe(`createState: ${problem}`);
  else expect((error as Error).message).toMatch(problem);
});

test.each([
  [new Float32Array(5), 'an array of 5'],
  [undefined, 'none'],
])('values that a variable cannot have are named: %j', async (given, received) => {
  if (!hasEngine) return;
  const w = tf.variable(tf.zeros([2, 3])); // disposed with the state that it was to be given to
  const values = async (): Promise<Float32Array> => given as Float32Array;
  await expect(createState(new Map([['w', w]]), { values })).rejects.toThrow(
    `createState: values: expected a Float32Array of 6 for "w" [2, 3], or their location in a file, received ${received}`,
  );
});
