// The kernels of src/fused.ts that are one operation each, eager and recorded: a new one is one more entry.
import { tf } from '#tf';
import { TF_ATTR, type OperationAttribute } from '../load/addon.js';
import type { NodeKernelBackend } from '../load/kernel-backend.js';
import { GROUPED_CONVOLUTION } from './grouped-convolution.js';
import { oneOperation, type OneOperationKernel, take } from './one-operation.js';

const float = (name: string, value: number): OperationAttribute => ({ name, type: TF_ATTR.float, value });
const integer = (name: string, value: number): OperationAttribute => ({ name, type: TF_ATTR.int, value });
const epsilonOf = ({ epsilon }: { epsilon: number }): OperationAttribute[] => [float('epsilon', epsilon)];
const scaleOf = ({ scale }: { scale: number }): OperationAttribute[] => [float('scale', scale)];
const regions = take('pixels', 'geometry', 'rows', 'cells');

export const FUSED_KERNELS: readonly OneOperationKernel[] = [
  oneOperation('FusedGelu', {
    operation: 'VisualbertGelu',
    traits: { ownsResult: true, bfloat16Inputs: 1 },
    inputs: take('x'),
  }),
  oneOperation('FusedGeluGrad', {
    operation: 'VisualbertGeluGrad',
    traits: { ownsResult: true, bfloat16Inputs: 2 },
    inputs: take('dy', 'x'),
  }),
  oneOperation('FusedDropout', {
    operation: 'VisualbertDropout',
    traits: { bfloat16Inputs: 1 },
    inputs: take('x', 'key'),
    attributes: ({ rate, salt }) => [float('rate', rate), float('scale', 1 / (1 - rate)), integer('salt', salt)],
  }),
  oneOperation('FusedLayerNorm', {
    operation: 'VisualbertLayerNorm',
    traits: { ownsResult: true, bfloat16Inputs: 1 },
    inputs: take('x', 'weight', 'bias'),
    attributes: epsilonOf,
  }),
  oneOperation('FusedAddLayerNorm', {
    operation: 'VisualbertAddLayerNorm',
    traits: { ownsResult: true, bfloat16Inputs: 1 },
    inputs: take('x', 'residual', 'weight', 'bias'),
    attributes: epsilonOf,
    outputs: 2,
  }),
  oneOperation('FusedLayerNormGrad', {
    operation: 'VisualbertLayerNormGrad',
    traits: { ownsResult: true },
    inputs: take('dy', 'x', 'weight'),
    attributes: epsilonOf,
    outputs: 3,
  }),
  oneOperation('FusedSoftmax', {
    operation: 'VisualbertSoftmax',
    traits: {},
    inputs: ({ scores, bias }) => [scores, bias ?? tf.tensor1d([], 'float32')],
    attributes: scaleOf,
  }),
  oneOperation('FusedSoftmaxGrad', {
    operation: 'VisualbertSoftmaxGrad',
    traits: { ownsResult: true },
    inputs: take('dy', 'y'),
    attributes: scaleOf,
  }),
  oneOperation('RaggedAttention', {
    operation: 'VisualbertRaggedAttention',
    traits: { ownsResult: true },
    inputs: take('queries', 'keys', 'values', 'rowSplits'),
    attributes: ({ heads, asked, scale }) => [integer('heads', heads), integer('asked', asked), float('scale', scale)],
  }),
  oneOperation('ColumnSums', {
    operation: 'VisualbertColumnSums',
    traits: { ownsResult: true, bfloat16Inputs: 1 },
    inputs: take('x'),
  }),
  oneOperation('SumOfSquares', {
    operation: 'VisualbertSumOfSquares',
    traits: { ownsResult: true, bfloat16Inputs: 1 },
    inputs: take('x'),
  }),
  oneOperation('RoiPool', {
    operation: 'VisualbertRoiPool',
    traits: { ownsResult: true, bfloat16Inputs: 1 },
    inputs: regions,
  }),
  oneOperation('RoiAlign', {
    operation: 'VisualbertRoiAlign',
    traits: { ownsResult: true, bfloat16Inputs: 1 },
    inputs: regions,
    attributes: ({ sampling, isAligned }) => [integer('sampling', sampling), integer('is_aligned', isAligned ? 1 : 0)],
  }),
  GROUPED_CONVOLUTION,
];

/** Registers them for the eager backend of TensorFlow on the CPU. */
export function registerFusedKernels(backendName: string): void {
  for (const { name: kernelName, record } of FUSED_KERNELS) {
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs, backend }) =>
        record(backend as NodeKernelBackend, inputs as Record<string, tf.TensorInfo>, attrs ?? {}),
    });
  }
}
