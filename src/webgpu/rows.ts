// Parts of kernels that give each row of a matrix to one workgroup.
import { sizeOf } from '../shapes.js';
import { THREADS } from './kernel.js';

/** Rows and width of a tensor, seen as a matrix whose rows are its last axis. */
export function matrixSizes({ shape }: { shape: readonly number[] }): { rows: number; width: number } {
  return { rows: sizeOf(shape.slice(0, -1)), width: shape.at(-1) ?? 0 };
}

/** `total(x)` and `greatest(x)`: over the workgroup, known to all its threads. */
export const REDUCTIONS = `
var<workgroup> lanes: array<f32, ${THREADS}>;
${reduction('total', (a, b) => `${a} + ${b}`)}
${reduction('greatest', (a, b) => `max(${a}, ${b})`)}
`;

function reduction(name: string, join: (a: string, b: string) => string): string {
  return `
fn ${name}(value: f32) -> f32 {
  lanes[localIndex] = value;
  workgroupBarrier();
  for (var half = ${THREADS / 2}u; half > 0u; half = half / 2u) {
    if (localIndex < half) { lanes[localIndex] = ${join('lanes[localIndex]', 'lanes[localIndex + half]')}; }
    workgroupBarrier();
  }
  let result = lanes[0];
  workgroupBarrier();
  return result;
}`;
}

/**
 * A loop of the workgroup over its row, in the blocks of four elements that one Philox counter serves: always the same thread has the same element.
 * `body` may use `i`, the element, `c`, its column, and what `perBlock` makes of `block`. Needs `row`, and `width`: 0 beyond the last row.
 */
export function eachOfRow(body: string, perBlock = ''): string {
  return `
  for (var block = row * uniforms.width / 4 + i32(localIndex); block * 4 < row * uniforms.width + width; block += ${THREADS}) {
    ${perBlock}
    for (var word = 0; word < 4; word++) {
      let i = block * 4 + word;
      let c = i - row * uniforms.width;
      if (c >= 0 && c < width) { ${body} }
    }
  }`;
}

/** Declares what `eachOfRow` needs. Nothing may return early: all threads of a workgroup have to meet. */
export const ROW = `
  let row = group();
  let width = select(0, uniforms.width, row < uniforms.rows);`;
