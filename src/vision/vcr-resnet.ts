// Reads the ResNet of the authors' VCR checkpoints (torchvision's names) with batch norms folded into the convolutions.
import { tf } from '#tf';
import { BATCH_NORM_EPSILON, foldBatchNorm } from './layers/batch-norm.js';
import { type Convolution, createConvolution, outputsOf } from './layers/convolution.js';
import type { Bottleneck } from './layers/resnet.js';
import type { WeightReader } from './weight-reader.js';

/**
 * Reads a convolution and folds the batch norm after it.
 * @param kernel side of the filter. @throws CheckpointError for missing weights or wrong shapes.
 */
export async function readConvolution(
  weights: WeightReader,
  convolution: string,
  norm: string,
  { inputs, kernel }: { inputs: number; kernel: number },
): Promise<Convolution> {
  const { data, shape } = await weights.values(`${convolution}.weight`, [null, inputs, kernel, kernel]);
  const read = async (name: string): Promise<Float32Array> =>
    (await weights.values(`${norm}.${name}`, [shape[0] as number])).data;
  const bias = foldBatchNorm(
    data,
    {
      gamma: await read('weight'),
      beta: await read('bias'),
      mean: await read('running_mean'),
      variance: await read('running_var'),
    },
    BATCH_NORM_EPSILON,
  );
  const weight = tf.tensor4d(data, shape as [number, number, number, number]);
  const created = createConvolution(weight, tf.tensor1d(bias));
  weight.dispose();
  return created;
}

/** The blocks `<prefix>.0`, `<prefix>.1` and so on, as many as the file has; the first has the stride. */
export async function readStage(
  weights: WeightReader,
  prefix: string,
  { inputs, stride }: { inputs: number; stride: 1 | 2 },
): Promise<Bottleneck[]> {
  const blocks: Bottleneck[] = [];
  let channels = inputs;
  do {
    const name = `${prefix}.${blocks.length}`;
    const part = (number: number, kernel: number, from: number): Promise<Convolution> =>
      readConvolution(weights, `${name}.conv${number}`, `${name}.bn${number}`, { inputs: from, kernel });
    const first = await part(1, 1, channels);
    const second = await part(2, 3, outputsOf(first));
    const third = await part(3, 1, outputsOf(second));
    const shortcut = weights.has(`${name}.downsample.0.weight`)
      ? await readConvolution(weights, `${name}.downsample.0`, `${name}.downsample.1`, { inputs: channels, kernel: 1 })
      : null;
    blocks.push({
      convolutions: [first, second, third],
      shortcut,
      stride: blocks.length === 0 ? stride : 1,
      isStrideFirst: true, // as in Detectron's weights; torchvision's own has it on the second convolution
      dilation: 1,
    });
    channels = outputsOf(third);
  } while (weights.has(`${prefix}.${blocks.length}.conv1.weight`));
  return blocks;
}
