// The parts of a ResNet or ResNeXt at inference: stem pooling and stages of bottleneck blocks.
import * as tf from '@tensorflow/tfjs';
import { type Convolution, convolve, padded } from './convolution.js';
import { type Bounds, onPictures } from './bounds.js';
import { relu } from './relu.js';

/** 1 x 1, 3 x 3, 1 x 1, and a shortcut. */
export interface Bottleneck {
  convolutions: readonly [Convolution, Convolution, Convolution];
  /** A 1 x 1 convolution where the shape changes. */
  shortcut: Convolution | null;
  stride: 1 | 2;
  /** Whether the first convolution has the stride, as in the weights of Caffe; else the second, as in torchvision. */
  isStrideFirst: boolean;
  /** Of the 3 x 3 convolution. */
  dilation: 1 | 2;
}

/**
 * The largest of 3 x 3 pixels, every second one; `x` is not negative, so that zeros around it change nothing.
 * @param edges `padded`: one pixel of padding on every side (PyTorch); `cut`: none, and the last window may be cut (Caffe).
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

/** Where pictures end on the maps that a stage reads and on those that it makes. */
export interface StageBounds {
  before: Bounds;
  after: Bounds;
}

/** Runs blocks one after the other. @param bounds where the pictures end; absent where they fill the maps. What the result has beyond them is anything. */
export function runStage(x: tf.Tensor4D, blocks: readonly Bottleneck[], bounds?: StageBounds): tf.Tensor4D {
  return blocks.reduce((value, block) => tf.tidy(() => runBlock(value, block, bounds)), x);
}

/** Channels of what a stage makes. */
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
