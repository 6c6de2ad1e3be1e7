// Kernels of src/fused.ts that are one operation each: the same definition serves eager calls and recordings.
import { tf } from '#tf';
import type { FusedKernel, FusedKernels } from '../../fused.js';
import type { OperationAttribute } from '../load/addon.js';
import type { NodeKernelBackend } from '../load/kernel-backend.js';
import type { OperationTraits } from '../recording/operation-traits.js';
import type { GraphKernel } from './graph-kernel.js';

/** A kernel as one operation. */
interface OneOperation<Name extends FusedKernel> {
  /** TensorFlow's name for it. */
  operation: string;
  /** Absent for an operation of TensorFlow's own. */
  traits?: OperationTraits;
  /** The kernel's inputs in the order of the operation's. */
  inputs: (inputs: FusedKernels[Name]['inputs']) => tf.Tensor[];
  attributes?: (attributes: FusedKernels[Name]['attributes']) => OperationAttribute[];
  /** Default 1. */
  outputs?: number;
}

/** A kernel that any backend of tfjs-node can compute, also outside of a recording. */
export interface OneOperationKernel extends GraphKernel {
  record: (
    backend: NodeKernelBackend,
    inputs: Record<string, tf.TensorInfo>,
    attrs: Record<string, unknown>,
  ) => tf.Tensor | tf.Tensor[];
}

/** The kernel that one operation computes, on the CPU only. */
export function oneOperation<Name extends FusedKernel>(
  name: Name,
  { operation, traits, inputs: operands, attributes = () => [], outputs = 1 }: OneOperation<Name>,
): OneOperationKernel {
  return {
    name,
    ...(traits === undefined ? {} : { operations: { [operation]: traits } }),
    runsOnGpu: false,
    writesInPlace: false,
    record: (backend, inputs, attrs) =>
      tf.tidy(() => {
        const given = operands(inputs as FusedKernels[Name]['inputs']);
        const results = backend.executeMultipleOutputs(operation, attributes(attrs), given, outputs);
        return outputs === 1 ? (results[0] as tf.Tensor) : results;
      }),
  };
}

/** Inputs in the order of their names. */
export function take<Name extends string>(
  ...names: Name[]
): (inputs: Readonly<Record<Name, tf.Tensor>>) => tf.Tensor[] {
  return (inputs) => names.map((name) => inputs[name]);
}
