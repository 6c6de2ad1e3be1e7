// Stem pooling and stages of bottleneck blocks of a ResNet or ResNeXt at inference.
import { tf } from '#tf';
import { type Convolution, convolve, padded } from './convolution.js';
import { type Bounds, onPictures } from './bounds.js';
import { relu } from './relu.js';

/** 1 x 1, 3 x 3, 1 x 1, and a shortcut. */
export interface Bottleneck {
  convolutions: readonly [Convolution, Convolution, Convolution];
  /** A 1 x 1 convolution; null when the shape does not change. */
  shortcut: Convolution | null;
  stride: 1 | 2;
  /** Whether the first convolution has the stride, as in Caffe's weights; else the second, as in torchvision. */
  isStrideFirst: boolean;
  /** Of the 3 x 3 convolution. */
  dilation: 1 | 2;
}

/**
 * Max pooling 3 x 3 with stride 2; `x` must not be negative, so that zero padding has no effect.
 * @param edges `padded`: one pixel of padding on every side (PyTorch); `cut`: none, and the last window may be partial (Caffe).
 */
export function stemPool(x: tf.Tensor4D, edges: 'padded' | 'cut'): tf.Tensor4D {
  if (edges === 'padded') return tf.maxPool(padded(x, 1), 3, 2, 'valid');
  const [, h, w] = x.shape;
  const whole = tf.pad(x, [[0, 0], [0, missing(h)], [0, missing(w)], [0, 0]]); // prettier-ignore
  return tf.maxPool(whole, 3, 2, 'valid');
}

/** Pixels that the last window of 3 at stride 2 lacks. */
function missing(size: number): number {
  return Math.max(0, Math.ceil((size - 3) / 2) * 2 + 3 - size);
}

/** Bounds of the pictures on the input and output maps of a stage. */
export interface StageBounds {
  before: Bounds;
  after: Bounds;
}

/** Runs blocks one after the other. @param bounds of the pictures; absent when they fill the maps. Results outside them are undefined. */
export function runStage(x: tf.Tensor4D, blocks: readonly Bottleneck[], bounds?: StageBounds): tf.Tensor4D {
  return blocks.reduce((value, block) => tf.tidy(() => runBlock(value, block, bounds)), x);
}

/** Output channels of a stage. */
export function stageWidth(blocks: readonly Bottleneck[]): number {
  return (blocks.at(-1) as Bottleneck).convolutions[2].bias.shape[0];
}

function runBlock(
  x: tf.Tensor4D,
  { convolutions: [first, second, third], shortcut, stride, isStrideFirst, dilation }: Bottleneck,
  bounds: StageBounds | undefined,
): tf.Tensor4D {
  const whole = convolve(x, first, { stride: isStrideFirst ? stride : 1, activation: 'relu' });
  const isFull = stride > 1 && !isStrideFirst; // as many pixels as before the stage
  const narrow = bounds === undefined ? whole : onPictures(whole, isFull ? bounds.before : bounds.after);
  const middle = convolve(narrow, second, { stride: isStrideFirst ? 1 : stride, dilation, activation: 'relu' });
  const wide = convolve(middle, third);
  const around = shortcut === null ? x : convolve(x, shortcut, { stride });
  return relu(tf.add<tf.Tensor4D>(wide, around));
}
