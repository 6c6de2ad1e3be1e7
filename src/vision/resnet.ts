// ResNet of bottleneck blocks for inference: convolutions with their batch norms folded in. NHWC, as every backend has it.
import * as tf from '@tensorflow/tfjs';
import type { WeightReader } from './weights.js';

/** torch.nn.BatchNorm2d's. */
const BATCH_NORM_EPSILON = 1e-5;

/** A convolution with a bias. */
export interface FrozenConvolution {
  /** `[k, k, in, out]` */
  filter: tf.Tensor4D;
  /** `[out]` */
  bias: tf.Tensor1D;
}

/** 1 x 1, 3 x 3, 1 x 1, and a way around them. */
export interface Bottleneck {
  convolutions: readonly [FrozenConvolution, FrozenConvolution, FrozenConvolution];
  /** A 1 x 1 convolution where the shape changes. */
  shortcut: FrozenConvolution | null;
  /** Of the first convolution, as in Detectron's weights. torchvision's own has it on the second. */
  stride: 1 | 2;
}

/** PyTorch's layout of filters to TensorFlow's: `[out, in, k, k]` to `[k, k, in, out]`. */
export function filterOf(weight: tf.Tensor): tf.Tensor4D {
  return tf.transpose(weight, [2, 3, 1, 0]) as tf.Tensor4D;
}

/**
 * A convolution followed by a batch norm, as one: `norm(conv(x)) = conv'(x) + (beta - mean * s)` with `s = gamma / sqrt(variance + 1e-5)`.
 * @param kernel side of the filter. @throws CheckpointError for absent weights and other shapes.
 */
export async function readConvolution(
  weights: WeightReader,
  convolution: string,
  norm: string,
  { inputs, kernel }: { inputs: number; kernel: number },
): Promise<FrozenConvolution> {
  const weight = await weights.read(`${convolution}.weight`, [null, inputs, kernel, kernel]);
  const outputs = weight.shape[0] as number;
  const [gamma, beta, mean, variance] = await Promise.all(
    ['weight', 'bias', 'running_mean', 'running_var'].map((name) => weights.read(`${norm}.${name}`, [outputs])),
  );
  const folded = tf.tidy(() => {
    const scale = tf.div(gamma as tf.Tensor, tf.sqrt(tf.add(variance as tf.Tensor, BATCH_NORM_EPSILON))); // [out]
    const bias = tf.sub(beta as tf.Tensor, tf.mul(mean as tf.Tensor, scale)) as tf.Tensor1D;
    return { filter: tf.mul(filterOf(weight), scale) as tf.Tensor4D, bias };
  });
  tf.dispose([weight, gamma, beta, mean, variance] as tf.Tensor[]);
  return folded;
}

/** The blocks `<prefix>.0`, `<prefix>.1` and so on, as many as the file has; the first of them takes every `stride`-th pixel. */
export async function readStage(
  weights: WeightReader,
  prefix: string,
  { inputs, stride }: { inputs: number; stride: 1 | 2 },
): Promise<Bottleneck[]> {
  const blocks: Bottleneck[] = [];
  let channels = inputs;
  do {
    const name = `${prefix}.${blocks.length}`;
    const part = (number: number, kernel: number, from: number): Promise<FrozenConvolution> =>
      readConvolution(weights, `${name}.conv${number}`, `${name}.bn${number}`, { inputs: from, kernel });
    const first = await part(1, 1, channels);
    const second = await part(2, 3, outputsOf(first));
    const third = await part(3, 1, outputsOf(second));
    const shortcut = weights.has(`${name}.downsample.0.weight`)
      ? await readConvolution(weights, `${name}.downsample.0`, `${name}.downsample.1`, { inputs: channels, kernel: 1 })
      : null;
    blocks.push({ convolutions: [first, second, third], shortcut, stride: blocks.length === 0 ? stride : 1 });
    channels = outputsOf(third);
  } while (weights.has(`${prefix}.${blocks.length}.conv1.weight`));
  return blocks;
}

/** Channels of what a convolution makes. */
export function outputsOf({ filter }: FrozenConvolution): number {
  return filter.shape[3];
}

/** `[b, h, w, in]` to `[b, h / stride, w / stride, out]`, with PyTorch's padding of half a kernel on every side. */
export function convolve(
  x: tf.Tensor4D,
  { filter, bias }: FrozenConvolution,
  { stride, activation }: { stride: 1 | 2; activation: 'relu' | 'linear' },
): tf.Tensor4D {
  const [kernel] = filter.shape;
  const half = (kernel - 1) / 2;
  // TensorFlow's own padding of an even size is lopsided when it takes every second pixel.
  const isPadded = stride > 1 && half > 0;
  return tf.fused.conv2d({
    x: isPadded ? padded(x, half) : x,
    filter,
    bias,
    strides: stride,
    pad: isPadded ? 'valid' : 'same',
    activation,
  });
}

/** The largest of 3 x 3 pixels, every second one. `x` is not negative, so that zeros around it change nothing. */
export function maxPool(x: tf.Tensor4D): tf.Tensor4D {
  return tf.maxPool(padded(x, 1), 3, 2, 'valid');
}

/** Runs blocks one after the other. */
export function runStage(x: tf.Tensor4D, blocks: readonly Bottleneck[]): tf.Tensor4D {
  return blocks.reduce((value, block) => tf.tidy(() => runBlock(value, block)), x);
}

function runBlock(x: tf.Tensor4D, { convolutions: [first, second, third], shortcut, stride }: Bottleneck): tf.Tensor4D {
  const narrow = convolve(x, first, { stride, activation: 'relu' });
  const middle = convolve(narrow, second, { stride: 1, activation: 'relu' });
  const wide = convolve(middle, third, { stride: 1, activation: 'linear' });
  const around = shortcut === null ? x : convolve(x, shortcut, { stride, activation: 'linear' });
  return tf.relu(tf.add<tf.Tensor4D>(wide, around));
}

function padded(x: tf.Tensor4D, size: number): tf.Tensor4D {
  const sides: [number, number] = [size, size];
  return tf.pad(x, [[0, 0], sides, sides, [0, 0]]);
}
