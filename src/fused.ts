// Formulas that some backends compute in one kernel, in one pass over memory. Each call has a composed form for other backends.
import { tf } from '#tf';

/** The names of a kernel's inputs, its attributes, and inputs that may be absent. */
interface Kernel<Inputs extends string, Attributes = Record<never, never>, Optional extends string = never> {
  inputs: Readonly<Record<Inputs, tf.Tensor> & Partial<Record<Optional, tf.Tensor>>>;
  attributes: Attributes;
}

interface Epsilon {
  epsilon: number;
}

interface Dropout {
  rate: number;
  /** uint32 of the dropout site. */
  salt: number;
}

interface WorkerSum {
  /** How many there are. */
  workers: number;
  /** int32 of this sum. */
  instance: number;
  timeoutSeconds: number;
  /** Whether x is sent as bfloat16. */
  isLow: boolean;
}

/** Scalars of an update. */
type UpdateNumbers = 'norm' | 'rate' | 'firstCorrection' | 'secondCorrection';

interface UpdateAttributes {
  beta1: number;
  beta2: number;
  epsilon: number;
  maxNorm: number;
  skipNonFinite: boolean;
}

/**
 * What each kernel takes and returns; all float32. The engine has them for TensorFlow on the CPU (`engine/kernels`), `webgpu` some of them, and
 * others, for WebGPU, where what counts is the number of kernels. Everything else about a kernel is in its definition there.
 */
export interface FusedKernels {
  /** Returns y, in the exact (erf) form. */
  FusedGelu: Kernel<'x'>;
  /** Returns dx. */
  FusedGeluGrad: Kernel<'dy' | 'x'>;
  /** Returns y: also its own gradient. Bit for bit the mask of `philoxUniform >= rate`. */
  FusedDropout: Kernel<'x' | 'key', Dropout>;
  /** Returns y, over the last axis. */
  FusedLayerNorm: Kernel<'x' | 'weight' | 'bias', Epsilon>;
  /** Returns y and `x + residual`. */
  FusedAddLayerNorm: Kernel<'x' | 'residual' | 'weight' | 'bias', Epsilon>;
  /** Returns y and `dropout(x) + residual`; on WebGPU alone. */
  FusedDropoutAddLayerNorm: Kernel<'x' | 'residual' | 'weight' | 'bias' | 'key', Epsilon & Dropout>;
  /** Returns gradients of x, weight and bias. */
  FusedLayerNormGrad: Kernel<'dy' | 'x' | 'weight', Epsilon>;
  /** Returns gradients of x before dropout, residual, weight and bias; x is the sum that `FusedDropoutAddLayerNorm` returns. */
  FusedDropoutAddLayerNormGrad: Kernel<'dy' | 'x' | 'weight' | 'key', Epsilon & Dropout>;
  /** Returns `softmax(scale * scores + bias)` over the last axis, bias `[b, 1, 1, s]`. */
  FusedSoftmax: Kernel<'scores', { scale: number }, 'bias'>;
  /** Returns the softmax and `dropout(softmax)`; on WebGPU alone. */
  FusedSoftmaxDropout: Kernel<'scores' | 'key', { scale: number } & Dropout, 'bias'>;
  /** Returns the gradient of the scores; y is the softmax. */
  FusedSoftmaxGrad: Kernel<'dy' | 'y', { scale: number }>;
  /** The same for `dropout(softmax)`; on WebGPU alone. */
  FusedSoftmaxDropoutGrad: Kernel<'dy' | 'y' | 'key', { scale: number } & Dropout>;
  /**
   * Returns attention without padding, `[q, n d]`, for rows `[r, n d]` of examples one after another: example i has the rows `rowSplits[i]` to
   * `rowSplits[i + 1]`, int32 `[b + 1]`. Its queries are the same rows or, unless `asked` is 0, that many. Rows of no example become 0.
   */
  RaggedAttention: Kernel<'queries' | 'keys' | 'values' | 'rowSplits', { heads: number; asked: number; scale: number }>;
  /** Returns x, of which products with packed matrices compute the rows before the last of `rowSplits`, and leave others 0; only in recordings. */
  LimitRows: Kernel<'x' | 'rowSplits'>;
  /** Returns `x W^T + b`; on WebGPU alone. */
  FusedLinear: Kernel<'x' | 'weight' | 'bias'>;
  /** `[b q, n d]` and `[b s, n d]` to `x y^T` of each head, `[b, n, q, s]`; on WebGPU alone. */
  HeadScores: Kernel<'x' | 'y', { b: number; n: number }>;
  /**
   * `[b, n, q, s]` and `[b s, n d]` to `maps x` of each head, `[b q, n d]`; on WebGPU alone.
   * `isTransposed`: of `[b q, n d]` to `maps^T x`, `[b s, n d]`.
   */
  HeadMixture: Kernel<'maps' | 'x', { isTransposed: boolean }>;
  /**
   * Returns the loss of src/models/losses.ts, and two tensors that `CrossEntropyGrad` takes as moments and divisor. Labels have the rows of the
   * logits, or one. On WebGPU alone, like the next three.
   */
  CrossEntropy: Kernel<'logits' | 'labels', { smoothing: number }>;
  CrossEntropyGrad: Kernel<'dy' | 'logits' | 'labels' | 'moments' | 'divisor', { smoothing: number }>;
  /** Returns the loss and moments. */
  KlDivergence: Kernel<'logits' | 'labels' | 'count'>;
  /** The divisor is the count. */
  KlDivergenceGrad: Kernel<'dy' | 'logits' | 'labels' | 'moments' | 'divisor'>;
  /** Of a matrix `[m, n]` to `[n]`. */
  ColumnSums: Kernel<'x'>;
  /** Returns a scalar. */
  SumOfSquares: Kernel<'x'>;
  /** Of any number of tensors, whatever their names, to one scalar; on WebGPU alone. */
  SumOfAllSquares: Kernel<string>;
  /** Returns the new parameter and moments; for BertAdam too. */
  FusedAdamW: Kernel<
    'parameter' | 'first' | 'second' | 'gradient' | UpdateNumbers,
    UpdateAttributes & { decay: number; rateFactor: number }
  >;
  /**
   * The same for parameters of one norm, with the inputs `parameter0`, `first0`, `second0`, `gradient0`, `parameter1` and so on, to which the lists
   * belong; returns all parameters and moments in this order; on WebGPU alone.
   */
  FusedAdamWOfMany: Kernel<string, UpdateAttributes & { decays: readonly number[]; rateFactors: readonly number[] }>;
  /** Returns the maxima of regions, `[r, bins, bins, c]`. */
  RoiPool: Kernel<RegionInputs>;
  /** Returns the means of samples in regions, `[r, bins, bins, c]`. */
  RoiAlign: Kernel<RegionInputs, { sampling: number; isAligned: boolean }>;
  /** Of `[b, h, w, in]` and `[k, k, in / groups, out]`; zero-padded to keep its size unless x is padded already. */
  GroupedConvolution: Kernel<'x' | 'filter', { stride: number; dilation: number; isPadded: boolean }>;
  /** 3 x 3, zero-padded to keep the size of x; only in recordings. */
  WinogradConvolution: Kernel<'x' | 'filter' | 'bias', { dilation: number; isRelu: boolean }>;
  /** Returns a bool: whether every value is finite. */
  AllFinite: Kernel<'x'>;
  /** Returns the sum of x over the workers of a cluster, which all must run the kernel of this instance with the same shape of x; only in recordings. */
  SumOverWorkers: Kernel<'x', WorkerSum>;
  /**
   * The same for a matrix that is zero outside the rows numbered in rows `[k]` int32, which may repeat; every worker has the same k. Only rows
   * that some worker names are exchanged.
   */
  SumRowsOverWorkers: Kernel<'x' | 'rows', WorkerSum>;
  /** Returns x: see `after`. */
  After: Kernel<'x' | 'signal'>;
}

/**
 * Regions of pixels `[n, c]`: geometry `[r, 7]` is x1, y1, x2, y2, scale, height and width of the map; rows `[r, 2]` int32 the row of its first
 * pixel and the rows per line; cells `[bins]` int32 count.
 */
export type RegionInputs = 'pixels' | 'geometry' | 'rows' | 'cells';

export type FusedKernel = keyof FusedKernels;

/** Whether the current backend has a kernel. */
export function hasKernel(kernel: FusedKernel): boolean {
  return tf.getKernel(kernel, tf.getBackend()) !== undefined;
}

/** The kernel's outputs, or null when the current backend lacks it. Not differentiable by itself. */
export function fused<Name extends FusedKernel>(
  kernel: Name,
  inputs: FusedKernels[Name]['inputs'],
  ...[attributes]: AttributeArguments<FusedKernels[Name]['attributes']>
): tf.Tensor[] | null {
  if (!hasKernel(kernel)) return null;
  const outputs: tf.Tensor | tf.Tensor[] = tf
    .engine()
    .runKernel(kernel, inputs as tf.NamedTensorMap, (attributes ?? {}) as tf.NamedAttrMap);
  return Array.isArray(outputs) ? outputs : [outputs];
}

/** No argument for a kernel without attributes. */
type AttributeArguments<Attributes> = keyof Attributes extends never ? [] : [attributes: Attributes];

/**
 * `x`; in a recorded graph it becomes available after all `signals`: computations from it wait, and are not merged with equal earlier ones.
 * Eager execution already follows the order of the calls.
 */
export function after(x: tf.Tensor, signals: readonly tf.Tensor[]): tf.Tensor {
  return signals.reduce((value, signal) => fused('After', { x: value, signal })?.[0] ?? value, x);
}
