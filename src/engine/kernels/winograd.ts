// The kernel `WinogradConvolution` of recordings: a 3 x 3 convolution as 36 matrix products, with a quarter of the multiplications.
import { tf } from '#tf';
import { after, type FusedKernel } from '../../fused.js';
import { TF_ATTR } from '../load/addon.js';
import type { GraphBackend } from '../recording/graph-backend.js';
import type { Node } from '../recording/node.js';
import type { OperationTable } from '../recording/operation-traits.js';
import type { GraphKernel } from './graph-kernel.js';

const KERNEL: FusedKernel = 'WinogradConvolution';

/** Rows of an output tile, and elements of an input tile; see native/loops/winograd_loops.h. */
const TILE = 4;
const NUMBERS = 36;
/** Bytes of the tiles of a band of rows: bounds memory. */
const MAX_TILES = 64 << 20;

/** Lavin and Gray's G for F(4 x 4, 3 x 3). @see https://arxiv.org/abs/1509.09308 */
const FILTER_TRANSFORM = [
  [1 / 4, 0, 0],
  [-1 / 6, -1 / 6, -1 / 6],
  [-1 / 6, 1 / 6, -1 / 6],
  [1 / 24, 1 / 12, 1 / 6],
  [1 / 24, -1 / 12, 1 / 6],
  [0, 0, 1],
] as const;
/** Of both axes at once: `[36, 9]`. */
const BOTH_AXES = FILTER_TRANSFORM.flatMap((row) =>
  FILTER_TRANSFORM.flatMap((column) => row.flatMap((a) => column.map((b) => a * b))),
);

/** The transforms, by the dilation. */
const TRANSFORMS = {
  1: { input: 'VisualbertWinogradInput', output: 'VisualbertWinogradOutput' },
  2: { input: 'VisualbertDilatedWinogradInput', output: 'VisualbertDilatedWinogradOutput' },
} as const;
const OPERATIONS = Object.fromEntries(
  Object.values(TRANSFORMS).flatMap(({ input, output }) => [input, output].map((name) => [name, { ownsResult: true }])),
) satisfies OperationTable;

/** Transformed filters by the node of the filter, which several convolutions may share. Beside the nodes, which know of no kernel. */
const transformed = new WeakMap<Node, Node>();

interface Operands {
  x: tf.Tensor4D;
  filter: tf.Tensor4D;
  bias: tf.Tensor1D;
}

export const WINOGRAD_KERNEL: GraphKernel = {
  name: KERNEL,
  operations: OPERATIONS,
  runsOnGpu: false,
  writesInPlace: false,
  record: (backend, inputs, { dilation, isRelu }) =>
    tf.tidy(() => {
      const operands = inputs as unknown as Operands;
      const options = { dilation: dilation as 1 | 2, isRelu: isRelu === true };
      // In low precision the transforms would lose too many digits.
      if (backend.recording.lowDtype !== null) return directConvolution(operands, options);
      return inBands(operands, options.dilation, (x) => convolved(backend, { ...operands, x }, options));
    }),
};

function directConvolution({ x, filter, bias }: Operands, { dilation, isRelu }: Options): tf.Tensor4D {
  const activation = isRelu ? 'relu' : 'linear';
  return tf.fused.conv2d({ x, filter, bias, activation, strides: 1, pad: 'same', dilations: dilation });
}

interface Options {
  dilation: 1 | 2;
  isRelu: boolean;
}

function convolved(backend: GraphBackend, { x, filter, bias }: Operands, { dilation, isRelu }: Options): tf.Tensor4D {
  const transforms = TRANSFORMS[dilation];
  const tiles = backend.executeSingleOutput(transforms.input, [], [x]); // [36, n, in]
  const products = tf.matMul(tiles, transformedFilter(backend, filter, x)); // [36, n, out]
  const attributes = [{ name: 'is_relu', type: TF_ATTR.int, value: isRelu ? 1 : 0 }];
  return backend.executeSingleOutput(transforms.output, attributes, [products, bias, x]) as tf.Tensor4D;
}

/** `[36, in, out]`, computed only after the first input is: all filters together are large. */
function transformedFilter(backend: GraphBackend, filter: tf.Tensor4D, x: tf.Tensor4D): tf.Tensor {
  const node = backend.nodeOf(filter);
  const known = transformed.get(node);
  if (known !== undefined) return backend.tensorOf(known, KERNEL);
  const [, , inputs, outputs] = filter.shape;
  const numbers = tf.reshape(after(filter, [x]), [9, inputs * outputs]);
  const made = tf.reshape(tf.matMul(tf.tensor2d(BOTH_AXES, [NUMBERS, 9]), numbers), [NUMBERS, inputs, outputs]);
  transformed.set(node, backend.nodeOf(made));
  return made;
}

/** Convolves the maps in bands of rows, one after the other. */
function inBands({ x }: Operands, dilation: number, convolve: (band: tf.Tensor4D) => tf.Tensor4D): tf.Tensor4D {
  const [b, h, w, channels] = x.shape;
  const rowBytes = (b * Math.ceil(w / TILE) * NUMBERS * channels * 4) / TILE;
  const rows = Math.max(1, Math.floor(MAX_TILES / rowBytes / (TILE * dilation))) * TILE * dilation;
  if (rows >= h) return convolve(x);
  const bands: tf.Tensor4D[] = [];
  for (let from = 0; from < h; from += rows) {
    const count = Math.min(rows, h - from);
    const above = Math.min(from, dilation); // rows around the band that the convolution reads
    const below = Math.min(h - from - count, dilation);
    const seen = after(x, bands.slice(-1));
    const band = convolve(tf.slice(seen, [0, from - above, 0, 0], [-1, above + count + below, -1, -1]) as tf.Tensor4D);
    bands.push(tf.slice(band, [0, above, 0, 0], [-1, count, -1, -1]));
  }
  return tf.concat(bands, 1);
}
