// Computes from the kernel registry where TensorFlow would place the operations of a graph on a machine with one GPU.
import type { GraphNode } from './graph-definition.js';
import { canRun, type Kernel } from './kernels.js';

/** Operations that return variables: those that read or write one are placed on its device. */
const VARIABLES = new Set(['VarHandleOp', 'VisualbertVariable']);

export interface Placement {
  operations: number;
  /** Types of the operations that go to the GPU, sorted. */
  onGpu: string[];
  /** Those that have to go to the CPU, each with the type without a GPU kernel that keeps it there. */
  onCpu: { name: string; type: string; because: string }[];
}

/**
 * Places operations as TensorFlow's placer does with soft placement: on the GPU where it has a kernel for the dtypes, but operations that share a
 * variable, or are colocated, go together: one without a GPU kernel keeps all of them on the CPU.
 * @param kernelsOf the registered kernels of a type of operation.
 */
export function placeOnGpu(nodes: readonly GraphNode[], kernelsOf: (type: string) => readonly Kernel[]): Placement {
  const groups = new Map(nodes.map((node) => [node.name, node.name]));
  const groupOf = (name: string): string => {
    const above = groups.get(name);
    if (above === undefined) throw new Error(`the graph has no operation ${name}`);
    return above === name ? name : groupOf(above);
  };
  const byName = new Map(nodes.map((node) => [node.name, node]));
  for (const { name, inputs, beside } of nodes) {
    const variables = inputs.filter((input) => VARIABLES.has(byName.get(input)?.type ?? ''));
    for (const other of [...variables, ...beside]) groups.set(groupOf(name), groupOf(other));
  }
  const keepers = new Map<string, string>();
  for (const node of nodes) {
    if (!canRun(node, kernelsOf(node.type), 'GPU')) keepers.set(groupOf(node.name), node.type);
  }
  const onGpu = new Set<string>();
  const onCpu: Placement['onCpu'] = [];
  for (const { name, type } of nodes) {
    const because = keepers.get(groupOf(name));
    if (because === undefined) onGpu.add(type);
    else onCpu.push({ name, type, because });
  }
  return { operations: nodes.length, onGpu: [...onGpu].sort(), onCpu };
}
