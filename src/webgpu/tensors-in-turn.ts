// Kernels over several tensors in one dispatch: each has workgroups of its own, one tensor after the other.
import { chunk } from '../lists.js';
import { sizeOf } from '../shapes.js';

/** Uniforms of such a kernel: the elements of each tensor, and the workgroup at which its own end. */
export function tensorUniforms(count: number): Record<string, 'i32'> {
  const names = Array.from({ length: count }, (_, k) => [`size${k}`, `end${k}`]).flat();
  return Object.fromEntries(names.map((name) => [name, 'i32']));
}

/**
 * WGSL that runs the code of the tensor to which the workgroup `g` belongs.
 * @param codeOf the code for tensor `k`, whose first workgroup is `first`; its last is before `uniforms.end<k>`
 */
export function forEachTensor(count: number, codeOf: (k: number, first: string) => string): string {
  const branches = Array.from({ length: count }, (_, k) => {
    const first = k === 0 ? '0' : `uniforms.end${k - 1}`;
    return `if (g < uniforms.end${k}) {${codeOf(k, first)}}`;
  });
  return branches.join(' else ');
}

/** The tensors of one dispatch, with the values of `tensorUniforms`. */
export interface Dispatch<T> {
  items: T[];
  uniforms: Record<string, number>;
  workgroups: number;
}

/** Divides what has elements into dispatches of at most `most` tensors. @param groupsOf the workgroups of so many elements */
export function dispatches<T>(
  items: readonly T[],
  most: number,
  shapeOf: (item: T) => readonly number[],
  groupsOf: (elements: number) => number,
): Dispatch<T>[] {
  const given = items.filter((item) => sizeOf(shapeOf(item)) > 0);
  return chunk(given, most).map((some) => {
    const uniforms: Record<string, number> = {};
    let workgroups = 0;
    some.forEach((item, k) => {
      const elements = sizeOf(shapeOf(item));
      workgroups += groupsOf(elements);
      Object.assign(uniforms, { [`size${k}`]: elements, [`end${k}`]: workgroups });
    });
    return { items: some, uniforms, workgroups };
  });
}
