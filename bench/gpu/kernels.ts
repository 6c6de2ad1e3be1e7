// TensorFlow's kernel registry: the devices that have a kernel of an operation for given dtypes.
import { PbfReader } from 'pbf';
import { emptyValue, readValue, type GraphNode } from './graph-definition.js';

/** `tensorflow.KernelDef`: a kernel and the dtypes that it is for. */
export interface Kernel {
  device: string;
  /** Allowed dtypes by attribute. */
  allowed: Map<string, number[]>;
  /** Not empty: only for operations that request it by name. */
  label: string;
}

/**
 * The kernels of a serialized `tensorflow.KernelList`.
 * @see https://github.com/tensorflow/tensorflow/blob/v2.21.0/tensorflow/core/framework/kernel_def.proto
 */
export function readKernels(list: Uint8Array): Kernel[] {
  return new PbfReader(list).readFields<Kernel[]>((tag, kernels, reader) => {
    if (tag === 1) kernels.push(reader.readMessage(readKernel, { device: '', allowed: new Map(), label: '' }));
  }, []);
}

function readKernel(tag: number, kernel: Kernel, reader: PbfReader): void {
  if (tag === 2) kernel.device = reader.readString();
  else if (tag === 3) {
    const { name, value } = reader.readMessage(readConstraint, { name: '', value: emptyValue() });
    kernel.allowed.set(name, value.types);
  } else if (tag === 5) kernel.label = reader.readString();
}

function readConstraint(
  tag: number,
  constraint: { name: string; value: ReturnType<typeof emptyValue> },
  reader: PbfReader,
): void {
  if (tag === 1) constraint.name = reader.readString();
  else if (tag === 2) reader.readMessage(readValue, constraint.value);
}

/** The kind of kernels that TensorFlow falls back to on every device. */
const ANY_DEVICE = 'DEFAULT';

/** Whether one of the kernels is for this device and the dtypes of this operation, as TensorFlow's FindKernelRegistration has it. */
export function canRun(node: GraphNode, kernels: readonly Kernel[], device: string): boolean {
  return kernels.some(
    ({ device: own, allowed, label }) =>
      (own === device || own === ANY_DEVICE) &&
      label === '' &&
      [...allowed].every(([name, types]) => node.types.get(name)?.every((type) => types.includes(type)) ?? false),
  );
}
