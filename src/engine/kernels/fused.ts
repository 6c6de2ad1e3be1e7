// The kernels of src/fused.ts that are one operation each, eager and recorded: the operations of native/kernels, and TensorFlow's own that tfjs lacks.
import * as tf from '@tensorflow/tfjs';
import type { NodeKernelBackend } from '../load/kernel-backend.js';
import { OWN_OPERATIONS, type KernelForm } from '../recording/own-operations.js';
import type { GraphKernel } from './graph-kernel.js';
import { GROUPED_CONVOLUTION } from './grouped-convolution.js';

type Inputs = Record<string, tf.TensorInfo>;

interface FusedKernelConfig {
  name: string;
  compute: (backend: NodeKernelBackend, inputs: Inputs, attrs: Record<string, unknown>) => tf.Tensor | tf.Tensor[];
}

const FUSED: readonly FusedKernelConfig[] = [
  ...Object.entries(OWN_OPERATIONS).flatMap(([operation, { kernel }]) =>
    kernel === undefined ? [] : [{ name: kernel.name, compute: computeBy(operation, kernel) }],
  ),
  { name: GROUPED_CONVOLUTION.name, compute: computeBy('Conv2D', GROUPED_CONVOLUTION) },
];

/** As kernels of recordings. */
export const FUSED_KERNELS: readonly GraphKernel[] = FUSED.map(({ name, compute }) => ({
  name,
  runsOnGpu: false,
  writesInPlace: false,
  record: compute,
}));

/** Registers them for the eager backend of TensorFlow on the CPU. */
export function registerFusedKernels(backendName: string): void {
  for (const { name: kernelName, compute } of FUSED) {
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs, backend }) => compute(backend as NodeKernelBackend, inputs as Inputs, attrs ?? {}),
    });
  }
}

function computeBy(
  operation: string,
  { inputs: operands, attributes, outputs }: KernelForm,
): FusedKernelConfig['compute'] {
  return (backend, inputs, attrs) =>
    tf.tidy(() => {
      const given = operands(inputs as Record<string, tf.Tensor>);
      const values = attributes(attrs as Record<string, number | boolean>);
      const results = backend.executeMultipleOutputs(operation, values, given, outputs);
      return outputs === 1 ? (results[0] as tf.Tensor) : results;
    });
}
