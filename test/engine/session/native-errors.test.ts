// Invalid calls of the addon are errors and never end the process.
import { beforeAll, describe, expect, test } from '@jest/globals';
import { EngineError } from '../../../src/errors.js';
import {
  firstOutput,
  NativeGraph,
  TF_ATTR,
  TF_DTYPE,
  type GraphAddon,
  type NativeArray,
  type OperationAttribute,
} from '../../../src/engine/load/addon.js';
import { loadNative } from '../../../src/engine/load/native.js';
import { useBackend } from '../../helpers/backend.js';

let addon: GraphAddon | null = null;
beforeAll(async () => {
  const { backend, reason } = await useBackend();
  if (backend === 'tensorflow') addon = loadNative().graph as GraphAddon;
  else process.stdout.write(`skipped: ${reason}\n`);
});

const FLOAT = { name: 'dtype', type: TF_ATTR.type, value: TF_DTYPE.float32 };
const EPSILON = [{ name: 'epsilon', type: TF_ATTR.float, value: 1e-5 }];
const SCALE = [{ name: 'scale', type: TF_ATTR.float, value: 1 }];
const DROPOUT = ['rate', 'scale', 'salt'].map((name) => ({
  name,
  type: name === 'salt' ? TF_ATTR.int : TF_ATTR.float,
  value: 1,
}));

/** Outputs of fresh placeholders: float32, but int32 where the shape is that of a key. */
function inputsOf(graph: NativeGraph, shapes: readonly (readonly number[])[], keys: readonly number[] = []): number[] {
  return shapes.map((shape, i) => {
    const dtype = { ...FLOAT, value: keys.includes(i) ? TF_DTYPE.int32 : TF_DTYPE.float32 };
    const attributes = [dtype, { name: 'shape', type: TF_ATTR.shape, value: shape }];
    return firstOutput(graph.add('Placeholder', `input${i}`, [], attributes));
  });
}

describe('a definition that TensorFlow cannot take', () => {
  test.each<[string, (graph: NativeGraph) => unknown, RegExp]>([
    ['an unknown operation', (graph) => graph.add('NoSuchOp', 'x', []), /NoSuchOp/],
    ['a missing attribute', (graph) => graph.add('Placeholder', 'x', []), /missing attr 'dtype'/],
    [
      'an attribute of another kind',
      (graph) => graph.add('Placeholder', 'x', [], [{ ...FLOAT, type: TF_ATTR.int }]),
      /dtype/,
    ],
    ['a type that does not exist', (graph) => graph.add('Placeholder', 'x', [], [{ ...FLOAT, value: 999 }]), /999/],
    ['too few inputs', (graph) => graph.add('MatMul', 'x', inputsOf(graph, [[2, 2]])), /1 inputs specified of 2/],
    ['too many inputs', (graph) => graph.add('Sqrt', 'x', inputsOf(graph, [[2], [2]])), /Sqrt/],
    ['a list instead of an input', (graph) => graph.add('Sqrt', 'x', [inputsOf(graph, [[2]])]), /List provided/],
    ['an output that is not there', (graph) => graph.add('Sqrt', 'x', [7]), /number of an output below 0, received 7/],
    ['a negative output', (graph) => graph.add('Sqrt', 'x', [-1]), /number of an output below 0, received -1/],
    [
      'a control input that is not there',
      (graph) => graph.add('NoOp', 'x', [], [], [9]),
      /number of an operation below 0, received 9/,
    ],
    [
      'a fused kernel without its attributes',
      (graph) => graph.add('VisualbertAdamW', 'x', []),
      /0 inputs specified of 8/,
    ],
  ])('is an EngineError: %s', (_, define, message) => {
    if (addon === null) return;
    const graph = new NativeGraph(addon, new Uint8Array());
    expect(() => define(graph)).toThrow(message);
    expect(() => define(graph)).toThrow(EngineError);
    graph.close();
  });
});

test('outputs are numbered apart from operations, and belong to theirs', () => {
  if (addon === null) return;
  const graph = new NativeGraph(addon, new Uint8Array());
  const x = firstOutput(graph.add('Placeholder', 'x', [], [FLOAT]));
  const idle = graph.add('NoOp', 'idle', []);
  const halves = graph.add('Unpack', 'halves', [x], [{ name: 'num', type: TF_ATTR.int, value: 2 }]);
  expect(idle.outputs).toEqual([]);
  expect(() => firstOutput(idle)).toThrow(EngineError);
  const numbers = halves.outputs.map(({ number }) => number);
  expect(new Set([x, ...numbers]).size).toBe(3);
  expect([x, ...numbers].map((number) => graph.operationOf(number))).toEqual([0, halves.operation, halves.operation]);
  expect(halves.operation).toBe(idle.operation + 1);
  expect(() => graph.operationOf(3)).toThrow(/number of an output below 3, received 3/);
  graph.close();
});

describe('inputs that do not fit a fused kernel', () => {
  test.each<[string, string, number[][], OperationAttribute[]]>([
    ['a scalar', 'VisualbertLayerNorm', [[], [3], [3]], EPSILON],
    ['rows of no elements', 'VisualbertLayerNorm', [[2, 0], [0], [0]], EPSILON],
    ['a short weight', 'VisualbertLayerNorm', [[2, 300], [3], [300]], EPSILON],
    ['a short second input', 'VisualbertGeluGrad', [[2, 300], [3]], []],
    ['a bias for other rows', 'VisualbertSoftmax', [[2, 1, 2, 300], [3]], SCALE],
    ['a scalar to sum over', 'VisualbertColumnSums', [[]], []],
    ['half a key', 'VisualbertDropout', [[5], [1]], DROPOUT],
  ])('are an EngineError: %s', async (_, type, shapes, attributes) => {
    if (addon === null) return;
    const graph = new NativeGraph(addon, new Uint8Array());
    const keys = type === 'VisualbertDropout' ? [1] : [];
    const inputs = inputsOf(graph, shapes, keys);
    const feeds = inputs.map((input, i): [number, NativeArray] => {
      const shape = shapes[i] ?? [];
      const size = shape.reduce((product, length) => product * length, 1);
      return keys.includes(i)
        ? [input, { dtype: TF_DTYPE.int32, shape, data: new Int32Array(size) }]
        : [input, { dtype: TF_DTYPE.float32, shape, data: new Float32Array(size) }];
    });
    const run = graph.run(feeds, [firstOutput(graph.add(type, 'misused', inputs, attributes))], []);
    await expect(run).rejects.toThrow(/expected (\d+ elements, received|a tensor whose last axis)/);
    await expect(run).rejects.toThrow(EngineError);
    graph.close();
  });
});
