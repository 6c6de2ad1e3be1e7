// Products of many matrices on WebGPU in one dispatch: their rows and columns may lie anywhere in memory, so that nothing is transposed or copied before.
import type * as tf from '@tensorflow/tfjs';
import { type Kernel, run, THREADS, type WebGpuBackend } from './kernel.js';

/** Rows and columns of the result per workgroup (4 x 4 per thread), and inner elements per step. */
const [TILE, STEP] = [32, 16];
/** One more than a tile, so that neighbours in a column are in different memory banks. */
const PITCH = TILE + 1;

const STRIDES = ['Example', 'Head', 'Row', 'Column'] as const;
export type Strides = readonly [example: number, head: number, row: number, column: number];

const uniformsOf = (name: string, strides: Strides): Record<string, number> =>
  Object.fromEntries(STRIDES.map((stride, i) => [`${name}${stride}`, strides[i] as number]));

const names = ['a', 'b', 'c'].flatMap((name) => STRIDES.map((stride) => `${name}${stride}`));

/** Copies a tile of `matrix` to `tile`, inner element by inner element; neighbouring threads read neighbouring elements. */
const load = (tile: string, matrix: string, [outer, inner]: readonly [string, string], outerSize: string): string => `
    for (var e = i32(localIndex); e < ${TILE * STEP}; e += ${THREADS}) {
      let alongInner = uniforms.${matrix}${inner} == 1;
      let k = select(e / ${TILE}, e % ${STEP}, alongInner);
      let x = select(e % ${TILE}, e / ${STEP}, alongInner);
      let isInside = ${outer}0 + x < uniforms.${outerSize} && start + k < uniforms.inner;
      let element = ${matrix}0 + (${outer}0 + x) * uniforms.${matrix}${outer === 'row' ? 'Row' : 'Column'} + (start + k) * uniforms.${matrix}${inner};
      ${tile}[k * ${PITCH} + x] = select(0.0, ${matrix}[select(0, element, isInside)], isInside);
    }`;

const PRODUCT: Kernel = {
  name: 'HeadProduct',
  inputs: ['a', 'b'],
  results: ['c'],
  uniforms: {
    ...{ products: 'i32', heads: 'i32', rows: 'i32', columns: 'i32', inner: 'i32' },
    ...Object.fromEntries(names.map((name) => [name, 'i32' as const])),
  },
  code: `
var<workgroup> left: array<f32, ${STEP * PITCH}>;
var<workgroup> right: array<f32, ${STEP * PITCH}>;
fn main(index: i32) {
  let tilesAcross = (uniforms.columns + ${TILE - 1}) / ${TILE};
  let tiles = (uniforms.rows + ${TILE - 1}) / ${TILE} * tilesAcross;
  let product = group() / tiles;
  let tile = group() % tiles;
  let example = product / uniforms.heads;
  let head = product % uniforms.heads;
  let a0 = example * uniforms.aExample + head * uniforms.aHead;
  let b0 = example * uniforms.bExample + head * uniforms.bHead;
  let c0 = example * uniforms.cExample + head * uniforms.cHead;
  let row0 = tile / tilesAcross * ${TILE};
  let column0 = tile % tilesAcross * ${TILE};
  let r = i32(localIndex) / 8 * 4;
  let s = i32(localIndex) % 8 * 4;
  var sums: array<vec4<f32>, 4>;
  for (var start = 0; start < uniforms.inner; start += ${STEP}) {
    ${load('left', 'a', ['row', 'Column'], 'rows')}
    ${load('right', 'b', ['column', 'Row'], 'columns')}
    workgroupBarrier();
    for (var k = 0; k < ${STEP}; k++) {
      let at = k * ${PITCH} + s;
      let across = vec4<f32>(right[at], right[at + 1], right[at + 2], right[at + 3]);
      for (var i = 0; i < 4; i++) { sums[i] += left[k * ${PITCH} + r + i] * across; }
    }
    workgroupBarrier();
  }
  for (var i = 0; i < 4; i++) {
    for (var j = 0; j < 4; j++) {
      let isInside = product < uniforms.products && row0 + r + i < uniforms.rows && column0 + s + j < uniforms.columns;
      if (isInside) { c[c0 + (row0 + r + i) * uniforms.cRow + (column0 + s + j) * uniforms.cColumn] = sums[i][j]; }
    }
  }
}`,
};

export interface Product {
  a: tf.TensorInfo;
  b: tf.TensorInfo;
  shape: readonly number[];
  /** Examples, heads, rows, columns and inner size. */
  sizes: readonly [examples: number, heads: number, rows: number, columns: number, inner: number];
  strides: { a: Strides; b: Strides; c: Strides };
}

export function multiply(backend: WebGpuBackend, { a, b, shape, sizes, strides }: Product): tf.TensorInfo[] {
  const [examples, heads, rows, columns, inner] = sizes;
  const products = examples * heads;
  return run(backend, PRODUCT, {
    inputs: [a, b],
    results: [shape],
    uniforms: {
      ...{ products, heads, rows, columns, inner },
      ...uniformsOf('a', strides.a),
      ...uniformsOf('b', strides.b),
      ...uniformsOf('c', strides.c),
    },
    workgroups: products * Math.ceil(rows / TILE) * Math.ceil(columns / TILE),
  });
}
