// Convolutions for inference, in groups or not, as PyTorch pads them. NHWC, as every backend has it.
import * as tf from '@tensorflow/tfjs';

/** Groups narrower than this are computed together, with zeros between them: TensorFlow is slow at narrow convolutions. */
const MIN_PIECE_CHANNELS = 32;

/** A convolution with a bias. */
export interface Convolution {
  /** `[k, k, in / pieces, out / pieces]` each: one for all channels, or one for every few groups. */
  filters: readonly tf.Tensor4D[];
  /** `[out]` */
  bias: tf.Tensor1D;
}

export interface ConvolveOptions {
  stride?: 1 | 2;
  dilation?: 1 | 2;
  activation?: 'relu' | 'linear';
}

/**
 * PyTorch's weight `[out, in / groups, k, k]` in TensorFlow's layout. The caller owns the filters; inputs are left alone.
 * @param bias becomes the convolution's own.
 */
export function createConvolution(weight: tf.Tensor4D, bias: tf.Tensor1D, groups = 1): Convolution {
  const filters = tf.tidy(() => {
    const whole = tf.transpose(weight, [2, 3, 1, 0]); // [k, k, in / groups, out]
    return groups === 1 ? [whole] : groupFilters(whole, groups);
  });
  return { filters, bias };
}

/** One filter for every few groups: their own filters on its diagonal, zeros elsewhere. */
function groupFilters(whole: tf.Tensor4D, groups: number): tf.Tensor4D[] {
  const inputs = whole.shape[2];
  const together = groupsTogether(groups, inputs);
  const outputs = whole.shape[3] / groups;
  return Array.from({ length: groups / together }, (_, piece) =>
    tf.concat(
      Array.from({ length: together }, (_, i) => {
        const own = tf.slice(whole, [0, 0, 0, (piece * together + i) * outputs], [-1, -1, -1, outputs]);
        return tf.pad(own, [[0, 0], [0, 0], [0, 0], [i * outputs, (together - 1 - i) * outputs]]); // prettier-ignore
      }),
      2,
    ),
  );
}

function groupsTogether(groups: number, inputs: number): number {
  let together = 1;
  while (together * inputs < MIN_PIECE_CHANNELS && groups % (together * 2) === 0) together *= 2;
  return together;
}

/** Channels of what a convolution makes. */
export function outputsOf({ bias }: Convolution): number {
  return bias.shape[0];
}

/** `[b, h, w, in]` to `[b, h / stride, w / stride, out]`, with PyTorch's padding of half a kernel on every side. */
export function convolve(
  x: tf.Tensor4D,
  { filters, bias }: Convolution,
  { stride = 1, dilation = 1, activation = 'linear' }: ConvolveOptions = {},
): tf.Tensor4D {
  const [first, ...more] = filters as [tf.Tensor4D, ...tf.Tensor4D[]];
  const half = (first.shape[0] - 1) / 2;
  // TensorFlow's own padding of an even size is lopsided when it takes every second pixel.
  const isPadded = stride > 1 && half > 0;
  const input = isPadded ? padded(x, half) : x;
  const settings = { strides: stride, pad: isPadded ? 'valid' : 'same', dilations: dilation } as const;
  if (more.length === 0) return tf.fused.conv2d({ x: input, filter: first, bias, activation, ...settings });
  const parts = tf.split(input, filters.length, 3);
  const pieces = parts.map((part, i) =>
    tf.conv2d(part as tf.Tensor4D, filters[i] as tf.Tensor4D, stride, settings.pad, 'NHWC', dilation),
  );
  const sum = tf.add<tf.Tensor4D>(tf.concat(pieces, 3), bias);
  return activation === 'relu' ? tf.relu(sum) : sum;
}

/** Zeros around a map. */
export function padded(x: tf.Tensor4D, size: number): tf.Tensor4D {
  const sides: [number, number] = [size, size];
  return tf.pad(x, [[0, 0], sides, sides, [0, 0]]);
}
