// Products of many matrices on WebGPU in one dispatch: their rows and columns may lie anywhere in memory, so that nothing is transposed or copied before.
import type * as tf from '@tensorflow/tfjs';
import { currentPrecision } from '../precision.js';
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

/**
 * The bits of a float16, as IEEE 754 rounds: to the nearest, of two equally near ones to the even, to infinity from 65520 on; NaN stays NaN.
 * WGSL leaves rounding and overflow to the device in its own conversions, and may assume that a float is finite: so the bits are compared.
 */
const HALF_BITS = `
fn halfBits(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let magnitude = bits & 0x7fffffffu;
  let normal = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13u) & 1u)) >> 13u;
  // float32 has multiples of 2^-24 from 0.5 on, as float16 has below 2^-14
  let subnormal = bitcast<u32>(bitcast<f32>(magnitude) + 0.5) - 0x3f000000u;
  let finite = select(normal, subnormal, magnitude < 0x38800000u);
  let unlimited = select(0x7c00u, 0x7e00u, magnitude > 0x7f800000u);
  return select(finite, unlimited, magnitude >= 0x477ff000u) | ((bits >> 16u) & 0x8000u);
}
`;

interface Variant {
  /** Whether factors are rounded to float16, and tiles hold pairs of them. Their products are exact, and summed in float32 as others. */
  isHalf: boolean;
  hasBias: boolean;
}

/** WGSL of how a tile holds inner elements: `count` in each of its `type`. */
interface Packing {
  type: string;
  count: number;
  helpers: string;
  /** @param element the inner element whose number is added to the first one of the packed */
  pack(element: (added: string) => string): string;
  unpack(packed: string): string;
  /** Of what `unpack` gives. */
  parts: readonly string[];
}

const FLOATS: Packing = {
  ...{ type: 'f32', count: 1, helpers: '', parts: [''] },
  pack: (element) => element(''),
  unpack: (packed) => packed,
};
const HALVES: Packing = {
  ...{ type: 'u32', count: 2, helpers: HALF_BITS, parts: ['.x', '.y'] },
  pack: (element) => `halfBits(${element('')}) | (halfBits(${element(' + 1')}) << 16u)`,
  unpack: (packed) => `unpack2x16float(${packed})`,
};

/** `aAt`: an element of a, 0 outside of it. */
const elementAt = (matrix: string, [outer, inner]: readonly [string, string], outerSize: string): string => `
fn ${matrix}At(first: i32, outer: i32, inner: i32) -> f32 {
  let isInside = outer < uniforms.${outerSize} && inner < uniforms.inner;
  let element = first + outer * uniforms.${matrix}${outer} + inner * uniforms.${matrix}${inner};
  return select(0.0, ${matrix}[select(0, element, isInside)], isInside);
}`;

/** Copies a tile of `matrix` to `tile`, inner element by inner element; neighbouring threads read neighbouring elements. */
function load(tile: string, matrix: string, outer0: string, inner: string, { count, pack }: Packing): string {
  const steps = STEP / count;
  const value = pack((added) => `${matrix}At(${matrix}0, ${outer0} + x, start + k * ${count}${added})`);
  return `
    for (var e = i32(localIndex); e < ${TILE * steps}; e += ${THREADS}) {
      let alongInner = uniforms.${matrix}${inner} == 1;
      let k = select(e / ${TILE}, e % ${steps}, alongInner);
      let x = select(e % ${TILE}, e / ${steps}, alongInner);
      ${tile}[k * ${PITCH} + x] = ${value};
    }`;
}

function productKernel({ isHalf, hasBias }: Variant): Kernel {
  const packing = isHalf ? HALVES : FLOATS;
  const { type, count, helpers, unpack, parts } = packing;
  const columns = [0, 1, 2, 3];
  const across = (part: string): string => `vec4<f32>(${columns.map((j) => `right${j}${part}`).join(', ')})`;
  return {
    name: `${isHalf ? 'Half' : ''}Product${hasBias ? 'Bias' : ''}`,
    inputs: ['a', 'b', ...(hasBias ? ['bias'] : [])],
    results: ['c'],
    uniforms: {
      ...{ products: 'i32', heads: 'i32', rows: 'i32', columns: 'i32', inner: 'i32' },
      ...Object.fromEntries(names.map((name) => [name, 'i32' as const])),
    },
    code: `
var<workgroup> left: array<${type}, ${(STEP / count) * PITCH}>;
var<workgroup> right: array<${type}, ${(STEP / count) * PITCH}>;
${helpers} ${elementAt('a', ['Row', 'Column'], 'rows')} ${elementAt('b', ['Column', 'Row'], 'columns')}
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
    ${load('left', 'a', 'row0', 'Column', packing)}
    ${load('right', 'b', 'column0', 'Row', packing)}
    workgroupBarrier();
    for (var k = 0; k < ${STEP / count}; k++) {
      ${columns.map((j) => `let right${j} = ${unpack(`right[k * ${PITCH} + s + ${j}]`)};`).join('\n      ')}
      for (var i = 0; i < 4; i++) {
        let left0 = ${unpack(`left[k * ${PITCH} + r + i]`)};
        ${parts.map((part) => `sums[i] += left0${part} * ${across(part)};`).join('\n        ')}
      }
    }
    workgroupBarrier();
  }
  for (var i = 0; i < 4; i++) {
    for (var j = 0; j < 4; j++) {
      let row = row0 + r + i;
      let column = column0 + s + j;
      if (product < uniforms.products && row < uniforms.rows && column < uniforms.columns) {
        c[c0 + row * uniforms.cRow + column * uniforms.cColumn] = sums[i][j]${hasBias ? ' + bias[column]' : ''};
      }
    }
  }
}`,
  };
}
const PRODUCTS = [false, true].map((isHalf) => [false, true].map((hasBias) => productKernel({ isHalf, hasBias })));

export interface Product {
  a: tf.TensorInfo;
  b: tf.TensorInfo;
  /** Of each column. */
  bias?: tf.TensorInfo;
  shape: readonly number[];
  /** Examples, heads, rows, columns and inner size. */
  sizes: readonly [examples: number, heads: number, rows: number, columns: number, inner: number];
  strides: { a: Strides; b: Strides; c: Strides };
}

/** The products, of factors in the current precision. */
export function multiply(backend: WebGpuBackend, { a, b, bias, shape, sizes, strides }: Product): tf.TensorInfo[] {
  const [examples, heads, rows, columns, inner] = sizes;
  const products = examples * heads;
  const kernel = PRODUCTS[Number(currentPrecision() === 'fp16')]?.[Number(bias !== undefined)] as Kernel;
  return run(backend, kernel, {
    inputs: [a, b, ...(bias === undefined ? [] : [bias])],
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
