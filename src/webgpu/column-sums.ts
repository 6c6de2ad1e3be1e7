// Sums over the rows of a matrix on WebGPU: the gradients of biases, and of the weights of layer norms.
import { type Inputs, type Kernel, run, THREADS, type WebGpuBackend, type WebGpuKernel } from './kernel.js';

/** Columns of a workgroup; its threads share the rows. */
const COLUMNS = 8;
const LANES = THREADS / COLUMNS;

/**
 * A kernel's `main`: `parts` are values of row `row` and element `i`, whose sums over the rows are written to `results`.
 * Needs the uniforms rows and width.
 */
export function columnSums(results: readonly string[], parts: readonly string[]): string {
  const each = (line: (result: string, k: number) => string): string => results.map(line).join('\n');
  return `
${each((result) => `var<workgroup> ${result}Lanes: array<f32, ${THREADS}>;`)}
fn main(index: i32) {
  let thread = i32(localIndex);
  let column = group() * ${COLUMNS} + thread % ${COLUMNS};
  let lane = thread / ${COLUMNS};
  ${each((_, k) => `var sum${k} = 0.0;`)}
  if (column < uniforms.width) {
    for (var row = lane; row < uniforms.rows; row += ${LANES}) {
      let i = row * uniforms.width + column;
      ${each((_, k) => `sum${k} += ${parts[k]};`)}
    }
  }
  ${each((result, k) => `${result}Lanes[thread] = sum${k};`)}
  workgroupBarrier();
  for (var half = ${LANES / 2}; half > 0; half = half / 2) {
    if (lane < half) {
      ${each((result) => `${result}Lanes[thread] += ${result}Lanes[thread + half * ${COLUMNS}];`)}
    }
    workgroupBarrier();
  }
  if (lane == 0 && column < uniforms.width) {
    ${each((result) => `${result}[column] = ${result}Lanes[thread];`)}
  }
}`;
}

export const columnGroups = (width: number): number => Math.ceil(width / COLUMNS);

const SUMS: Kernel = {
  name: 'ColumnSums',
  inputs: ['x'],
  results: ['y'],
  uniforms: { rows: 'i32', width: 'i32' },
  code: columnSums(['y'], ['x[i]']),
};

export const COLUMN_KERNELS: Readonly<Record<string, WebGpuKernel>> = {
  ColumnSums: (backend: WebGpuBackend, { x }: Inputs<'x'>) => {
    const [rows = 0, width = 0] = x.shape;
    const workgroups = columnGroups(width);
    return run(backend, SUMS, { inputs: [x], results: [[width]], uniforms: { rows, width }, workgroups });
  },
};
