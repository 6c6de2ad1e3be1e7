// Convolutions for inference, grouped or not, with PyTorch's padding, in NHWC.
import { tf } from '#tf';
import { fused } from '../../fused.js';
import { gradientsInside, withGradient } from '../../layers/with-gradient.js';
import { relu } from './relu.js';

/** Pairs of groups with this many channels are computed as one, with zeros between them: twice the products, in half the time. */
const PAIRED_CHANNELS = 16;
/** Without a grouped kernel, groups narrower than this are merged. */
const MIN_PIECE_CHANNELS = 32;

/** Least channels and pixels for which Winograd's method is faster than its transforms cost. */
const WINOGRAD_CHANNELS = 512;
const WINOGRAD_PIXELS = 2048;

/** A convolution with a bias, in groups of channels or not. */
export interface Convolution {
  /** `[k, k, in / groups, out]` */
  filter: tf.Tensor4D;
  /** `[out]` */
  bias: tf.Tensor1D;
  groups: number;
}

export interface ConvolveOptions {
  stride?: 1 | 2;
  dilation?: 1 | 2;
  activation?: 'relu' | 'linear';
}

/**
 * PyTorch's weight `[out, in / groups, k, k]` in TensorFlow's layout. The caller owns the filter; inputs are left alone.
 * @param bias becomes the convolution's own.
 */
export function createConvolution(weight: tf.Tensor4D, bias: tf.Tensor1D, groups = 1): Convolution {
  return tf.tidy(() => {
    const filter = tf.transpose(weight, [2, 3, 1, 0]); // [k, k, in / groups, out]
    const isPaired = filter.shape[2] === PAIRED_CHANNELS && groups % 2 === 0;
    return { filter: isPaired ? merged(filter, groups, 2) : filter, bias, groups: isPaired ? groups / 2 : groups };
  });
}

/** Merges every `together` groups into one: their filters on the diagonal, zeros elsewhere. `[k, k, in / groups * together, out]` */
function merged(filter: tf.Tensor4D, groups: number, together: number): tf.Tensor4D {
  if (together === 1) return filter;
  const [h, w, inputs, out] = filter.shape;
  const own = tf.reshape(filter, [h * w * inputs, groups / together, together, out / groups]);
  const rows = Array.from(
    { length: together },
    (_, i) =>
    tf.pad(tf.slice(own, [0, 0, i, 0], [-1, -1, 1, -1]), [[0, 0], [0, 0], [i, together - 1 - i], [0, 0]]), // prettier-ignore
  );
  const stacked = tf.stack(
    rows.map((row) => tf.reshape(row, [h * w, inputs, out])),
    1,
  ); // [h * w, together, in / groups, out]
  return tf.reshape(stacked, [h, w, together * inputs, out]);
}

function groupsTogether(groups: number, inputs: number): number {
  let together = 1;
  while (together * inputs < MIN_PIECE_CHANNELS && groups % (together * 2) === 0) together *= 2;
  return together;
}

/** Output channels of a convolution. */
export function outputsOf({ bias }: Convolution): number {
  return bias.shape[0];
}

/** `[b, h, w, in]` to `[b, h / stride, w / stride, out]`, with PyTorch's padding of half a kernel on every side. */
export function convolve(
  x: tf.Tensor4D,
  { filter, bias, groups }: Convolution,
  { stride = 1, dilation = 1, activation = 'linear' }: ConvolveOptions = {},
): tf.Tensor4D {
  const half = (filter.shape[0] - 1) / 2;
  // With stride 2, TensorFlow's own padding of an even size is asymmetric.
  const isPadded = stride > 1 && half > 0;
  const input = isPadded ? padded(x, half) : x;
  const settings = { strides: stride, pad: isPadded ? 'valid' : 'same', dilations: dilation } as const;
  if (groups === 1) {
    const fewer = suitsWinograd(x, filter, stride)
      ? fused('WinogradConvolution', { x, filter, bias }, { dilation, isRelu: activation === 'relu' })
      : null;
    if (fewer !== null) return fewer[0] as tf.Tensor4D;
    const convolved =
      stride > 1 && half === 0
        ? everySecondPixel(input, filter, bias)
        : tf.fused.conv2d<tf.Tensor4D>({ x: input, filter, bias, ...settings });
    return activation === 'relu' ? relu(convolved) : convolved;
  }
  const products =
    fused('GroupedConvolution', { x: input, filter }, { stride, dilation, isPadded })?.[0] ??
    composedGroups(input, { filter, groups }, stride, settings.pad, dilation);
  const sum = tf.add<tf.Tensor4D>(products, bias);
  return activation === 'relu' ? relu(sum) : sum;
}

/**
 * A 1 x 1 convolution of every second pixel. Its gradient is that of those pixels, cut out before: the one that TensorFlow 2.21 has on the CPU
 * (`Conv2DBackpropFilter` of oneDNN) differs from call to call where there are few channels, by as much as it is large.
 */
function everySecondPixel(x: tf.Tensor4D, filter: tf.Tensor4D, bias: tf.Tensor1D): tf.Tensor4D {
  return withGradient(
    [x, filter, bias],
    () => ({ value: tf.fused.conv2d<tf.Tensor4D>({ x, filter, bias, strides: 2, pad: 'same' }), saved: [x, filter] }),
    (dy, saved) => {
      const [from, by] = saved as [tf.Tensor4D, tf.Tensor4D];
      const gradientOf = (index: 0 | 1) => (): tf.Tensor =>
        gradientsInside(
          () => tf.conv2d(secondPixels(from), by, 1, 'same'),
          [saved[index] as tf.Tensor],
          dy,
        )[0] as tf.Tensor;
      return [gradientOf(0), gradientOf(1), () => tf.sum(dy, [0, 1, 2])];
    },
  ) as tf.Tensor4D;
}

/** The pixels of even rows and columns. */
function secondPixels(x: tf.Tensor4D): tf.Tensor4D {
  const [b, h, w, c] = x.shape;
  const [rows, columns] = [Math.ceil(h / 2), Math.ceil(w / 2)];
  const even = tf.pad(x, [[0, 0], [0, h % 2], [0, w % 2], [0, 0]]); // prettier-ignore
  const inRows = tf.slice(tf.reshape(even, [b * rows, 2, 2 * columns, c]), [0, 0, 0, 0], [-1, 1, -1, -1]);
  return tf.reshape(tf.slice(tf.reshape(inRows, [b * rows * columns, 2, c]), [0, 0, 0], [-1, 1, -1]), [
    b,
    rows,
    columns,
    c,
  ]);
}

function suitsWinograd(
  { shape: [b, h, w] }: tf.Tensor4D,
  { shape: [k, , inputs, out] }: tf.Tensor4D,
  stride: number,
): boolean {
  return k === 3 && stride === 1 && Math.min(inputs, out) >= WINOGRAD_CHANNELS && b * h * w >= WINOGRAD_PIXELS;
}

function composedGroups(
  x: tf.Tensor4D,
  { filter, groups }: Pick<Convolution, 'filter' | 'groups'>,
  stride: number,
  pad: 'valid' | 'same',
  dilation: number,
): tf.Tensor4D {
  return tf.tidy(() => {
    const together = groupsTogether(groups, filter.shape[2]);
    const pieces = groups / together;
    const filters = tf.split(merged(filter, groups, together), pieces, 3);
    const parts = tf.split(x, pieces, 3) as tf.Tensor4D[];
    return tf.concat(
      parts.map((part, i) => tf.conv2d<tf.Tensor4D>(part, filters[i] as tf.Tensor4D, stride, pad, 'NHWC', dilation)),
      3,
    );
  });
}

/** Zeros around a map. */
export function padded(x: tf.Tensor4D, size: number): tf.Tensor4D {
  const sides: [number, number] = [size, size];
  return tf.pad(x, [[0, 0], sides, sides, [0, 0]]);
}
