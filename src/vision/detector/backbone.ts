// Pictures to feature maps: the stages of the ResNet, and the pyramid over them.
import * as tf from '@tensorflow/tfjs';
import { convolve } from '../layers/convolution.js';
import { runStage, stemPool } from '../layers/resnet.js';
import type { DetectorConfig } from './config.js';
import type { DetectorNetwork } from './network.js';

/** Pixels of the picture between two pixels of a map: of C4's, or of the pyramid's five. */
export function mapStrides({ pyramid }: DetectorConfig): readonly number[] {
  return pyramid > 0 ? [4, 8, 16, 32, 64] : [16];
}

/**
 * Feature maps of pictures `[b, h, w, 3]`: one at a 16th of the size (C4), or five from a 4th to a 64th (pyramid; h and w are multiples of 32).
 * @see https://arxiv.org/abs/1612.03144 (pyramid)
 */
export function featureMaps(
  pictures: tf.Tensor4D,
  network: DetectorNetwork,
  { backbone }: DetectorConfig,
): tf.Tensor4D[] {
  return tf.tidy(() => {
    const stem = convolve(pictures, network.stem, { stride: 2, activation: 'relu' });
    let map = stemPool(stem, backbone.stemPool);
    const maps = network.stages.map((stage) => (map = runStage(map, stage)));
    return network.lateral.length === 0 ? [maps.at(-1) as tf.Tensor4D] : pyramid(maps, network);
  });
}

function pyramid(maps: readonly tf.Tensor4D[], { lateral, output }: DetectorNetwork): tf.Tensor4D[] {
  const sums: tf.Tensor4D[] = [];
  for (let i = maps.length - 1; i >= 0; i--) {
    const own = convolve(maps[i] as tf.Tensor4D, lateral[i] as (typeof lateral)[number]);
    const above = sums[0];
    sums.unshift(above === undefined ? own : tf.add(own, doubled(above)));
  }
  const levels = sums.map((sum, i) => convolve(sum, output[i] as (typeof output)[number]));
  const coarsest = tf.maxPool(levels.at(-1) as tf.Tensor4D, 1, 2, 'valid');
  return [...levels, coarsest];
}

/** Each pixel as 2 x 2. */
function doubled(map: tf.Tensor4D): tf.Tensor4D {
  const [, h, w] = map.shape;
  return tf.image.resizeNearestNeighbor(map, [h * 2, w * 2]);
}
