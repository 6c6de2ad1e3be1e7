// The operations of native/kernels: the tfjs kernel that each one computes, and its traits. A new kernel is a new row.
import * as tf from '@tensorflow/tfjs';
import type { FusedKernel } from '../../fused.js';
import { TF_ATTR, type OperationAttribute } from '../load/addon.js';

/** Absent traits do not apply: the operation reads float32 and may return the memory of an input. */
export interface OperationTraits {
  /** Its result never shares memory with an input that something else reads. All others may pass their input on. */
  ownsResult?: true;
  /** It moves values without computing: a low-precision first input is used as it is. */
  movesValues?: true;
  /** It computes in low precision when its inputs have it. */
  convolves?: true;
  /** It keeps the precision of a convolution's result. */
  followsConvolutions?: true;
  /** This many of its first inputs may be bfloat16, all of them or none; it computes in float32 internally. */
  bfloat16Inputs?: number;
}

/** A kernel of src/fused.ts that is one operation. */
export interface KernelForm {
  name: FusedKernel;
  /** The kernel's inputs in the order of the operation's. */
  inputs: (inputs: Record<string, tf.Tensor>) => tf.Tensor[];
  attributes: (attrs: Record<string, number | boolean>) => OperationAttribute[];
  outputs: number;
}

export interface OwnOperation extends OperationTraits {
  /** Absent where engine/kernels chooses between operations, or adds more than one. */
  kernel?: KernelForm;
}

const float = (name: string, value: unknown): OperationAttribute => ({ name, type: TF_ATTR.float, value });
const integer = (name: string, value: unknown): OperationAttribute => ({ name, type: TF_ATTR.int, value });
const take =
  (...names: string[]): KernelForm['inputs'] =>
  (inputs) =>
    names.map((name) => inputs[name] as tf.Tensor);
const regions = take('pixels', 'geometry', 'rows', 'cells');
const none: KernelForm['attributes'] = () => [];
const epsilon: KernelForm['attributes'] = (attrs) => [float('epsilon', attrs['epsilon'])];
const scale: KernelForm['attributes'] = (attrs) => [float('scale', attrs['scale'])];
const dropout: KernelForm['attributes'] = ({ rate, salt }) => [
  float('rate', rate),
  float('scale', 1 / (1 - Number(rate))),
  integer('salt', salt),
];

/** By TensorFlow's name for the operation. All of them run on the CPU only. */
export const OWN_OPERATIONS: Readonly<Record<string, OwnOperation>> = {
  VisualbertGelu: {
    kernel: { name: 'FusedGelu', inputs: take('x'), attributes: none, outputs: 1 },
    ...{ ownsResult: true, bfloat16Inputs: 1 },
  },
  VisualbertGeluGrad: {
    kernel: { name: 'FusedGeluGrad', inputs: take('dy', 'x'), attributes: none, outputs: 1 },
    ...{ ownsResult: true, bfloat16Inputs: 2 },
  },
  VisualbertDropout: {
    kernel: { name: 'FusedDropout', inputs: take('x', 'key'), attributes: dropout, outputs: 1 },
    bfloat16Inputs: 1,
  },
  VisualbertLayerNorm: {
    kernel: { name: 'FusedLayerNorm', inputs: take('x', 'weight', 'bias'), attributes: epsilon, outputs: 1 },
    ...{ ownsResult: true, bfloat16Inputs: 1 },
  },
  VisualbertAddLayerNorm: {
    kernel: {
      name: 'FusedAddLayerNorm',
      inputs: take('x', 'residual', 'weight', 'bias'),
      attributes: epsilon,
      outputs: 2,
    },
    ...{ ownsResult: true, bfloat16Inputs: 1 },
  },
  VisualbertLayerNormGrad: {
    kernel: { name: 'FusedLayerNormGrad', inputs: take('dy', 'x', 'weight'), attributes: epsilon, outputs: 3 },
    ownsResult: true,
  },
  VisualbertSoftmax: {
    kernel: {
      name: 'FusedSoftmax',
      inputs: ({ scores, bias }) => [scores as tf.Tensor, bias ?? tf.tensor1d([], 'float32')],
      attributes: scale,
      outputs: 1,
    },
  },
  VisualbertSoftmaxGrad: {
    kernel: { name: 'FusedSoftmaxGrad', inputs: take('dy', 'y'), attributes: scale, outputs: 1 },
    ownsResult: true,
  },
  VisualbertColumnSums: {
    kernel: { name: 'ColumnSums', inputs: take('x'), attributes: none, outputs: 1 },
    ...{ ownsResult: true, bfloat16Inputs: 1 },
  },
  VisualbertSumOfSquares: {
    kernel: { name: 'SumOfSquares', inputs: take('x'), attributes: none, outputs: 1 },
    ...{ ownsResult: true, bfloat16Inputs: 1 },
  },
  VisualbertRoiPool: {
    kernel: { name: 'RoiPool', inputs: regions, attributes: none, outputs: 1 },
    ...{ ownsResult: true, bfloat16Inputs: 1 },
  },
  VisualbertRoiAlign: {
    kernel: {
      name: 'RoiAlign',
      inputs: regions,
      attributes: ({ sampling, isAligned }) => [
        integer('sampling', sampling),
        integer('is_aligned', isAligned === true ? 1 : 0),
      ],
      outputs: 1,
    },
    ...{ ownsResult: true, bfloat16Inputs: 1 },
  },
  VisualbertWinogradInput: { ownsResult: true },
  VisualbertWinogradOutput: { ownsResult: true },
  VisualbertDilatedWinogradInput: { ownsResult: true },
  VisualbertDilatedWinogradOutput: { ownsResult: true },
  VisualbertPackedProduct: { ownsResult: true },
  VisualbertAttention: { ownsResult: true },
  VisualbertUnpack: { ownsResult: true },
  VisualbertSumOfSquaresRows: { ownsResult: true },
  VisualbertAdamW: { ownsResult: true },
  VisualbertAdamWRows: { ownsResult: true },
};
