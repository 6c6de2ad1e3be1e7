// The kernels of src/fused.ts on TensorFlow's CPU, eager and recorded: operations of native/fused_kernels.cc.
import * as tf from '@tensorflow/tfjs';
import type { FusedKernel } from '../../fused.js';
import type { NodeKernelBackend } from '../load/kernel-backend.js';
import { TF_ATTR, type OperationAttribute } from '../load/addon.js';

type Inputs = Record<string, tf.Tensor>;
type Attributes = Record<string, number | boolean>;

interface Form {
  operation: string;
  inputs: (inputs: Inputs) => tf.Tensor[];
  attributes: (attrs: Attributes) => OperationAttribute[];
  outputs: number;
}

const float = (name: string, value: unknown): OperationAttribute => ({ name, type: TF_ATTR.float, value });
const integer = (name: string, value: unknown): OperationAttribute => ({ name, type: TF_ATTR.int, value });
const take =
  (...names: string[]) =>
  (inputs: Inputs): tf.Tensor[] =>
    names.map((name) => inputs[name] as tf.Tensor);
const none = (): OperationAttribute[] => [];
const epsilon = (attrs: Attributes): OperationAttribute[] => [float('epsilon', attrs['epsilon'])];
const scale = (attrs: Attributes): OperationAttribute[] => [float('scale', attrs['scale'])];

const FORMS: Partial<Record<FusedKernel, Form>> = {
  FusedGelu: { operation: 'VisualbertGelu', inputs: take('x'), attributes: none, outputs: 1 },
  FusedGeluGrad: { operation: 'VisualbertGeluGrad', inputs: take('dy', 'x'), attributes: none, outputs: 1 },
  FusedDropout: {
    operation: 'VisualbertDropout',
    inputs: take('x', 'key'),
    attributes: ({ rate, salt }) => [
      float('rate', rate),
      float('scale', 1 / (1 - Number(rate))),
      integer('salt', salt),
    ],
    outputs: 1,
  },
  FusedLayerNorm: {
    operation: 'VisualbertLayerNorm',
    inputs: take('x', 'weight', 'bias'),
    attributes: epsilon,
    outputs: 1,
  },
  FusedAddLayerNorm: {
    operation: 'VisualbertAddLayerNorm',
    inputs: take('x', 'residual', 'weight', 'bias'),
    attributes: epsilon,
    outputs: 2,
  },
  FusedLayerNormGrad: {
    operation: 'VisualbertLayerNormGrad',
    inputs: take('dy', 'x', 'weight'),
    attributes: epsilon,
    outputs: 3,
  },
  FusedSoftmax: {
    operation: 'VisualbertSoftmax',
    inputs: ({ scores, bias }) => [scores as tf.Tensor, bias ?? tf.tensor1d([], 'float32')],
    attributes: scale,
    outputs: 1,
  },
  FusedSoftmaxGrad: { operation: 'VisualbertSoftmaxGrad', inputs: take('dy', 'y'), attributes: scale, outputs: 1 },
  ColumnSums: { operation: 'VisualbertColumnSums', inputs: take('x'), attributes: none, outputs: 1 },
  SumOfSquares: { operation: 'VisualbertSumOfSquares', inputs: take('x'), attributes: none, outputs: 1 },
};

/** Names of the kernels. */
export const FUSED_KERNELS: readonly string[] = Object.keys(FORMS);

/** Registers them for a backend of TensorFlow's that computes on the CPU; `except` are kernels that it has in a form of its own. */
export function registerFusedKernels(backendName: string, except: readonly string[] = []): void {
  for (const [kernelName, { operation, inputs, attributes, outputs }] of Object.entries(FORMS)) {
    if (except.includes(kernelName)) continue;
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs: given, attrs, backend }) =>
        tf.tidy(() => {
          const operands = inputs(given as Inputs);
          const node = backend as NodeKernelBackend;
          const results = node.executeMultipleOutputs(operation, attributes(attrs as Attributes), operands, outputs);
          return outputs === 1 ? (results[0] as tf.Tensor) : results;
        }),
    });
  }
}
