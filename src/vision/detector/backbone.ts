// Pictures to feature maps: the stages of the ResNet and the feature pyramid.
import { tf } from '#tf';
import { convolve } from '../layers/convolution.js';
import { type Bounds, boundsOf, halved, onPictures } from '../layers/bounds.js';
import { runStage, stemPool } from '../layers/resnet.js';
import type { DetectorConfig } from './config.js';
import type { DetectorNetwork } from './network.js';

/** Pixels of the picture between two pixels of a map: of C4's, or of the pyramid's five. */
export function mapStrides({ pyramid }: DetectorConfig): readonly number[] {
  return pyramid > 0 ? [4, 8, 16, 32, 64] : [16];
}

/** Maps of the backbone, and the bounds of the pictures on each. */
export type FeatureMaps = {
  maps: tf.Tensor4D[];
  bounds: Bounds[];
};

/**
 * Feature maps of pictures `[b, h, w, 3]`: one at a 16th of the size (C4), or five from a 4th to a 64th (pyramid; h and w are multiples of 32).
 * @param size `[2]` int32: rows and columns of the pictures; null when they fill the tensor. Everything outside them is 0.
 * @see https://arxiv.org/abs/1612.03144 (pyramid)
 */
export function featureMaps(
  pictures: tf.Tensor4D,
  network: DetectorNetwork,
  { backbone }: DetectorConfig,
  size: tf.Tensor1D | null = null,
): FeatureMaps {
  return tf.tidy(() => {
    const [, h, w] = pictures.shape;
    const stemBounds = halved(boundsOf([h, w], size));
    const bounds = [halved(stemBounds, backbone.stemPool === 'cut' ? 'dropped' : 'kept')];
    for (let i = 1; i < network.stages.length; i++) bounds.push(halved(bounds[i - 1] as Bounds));
    const stem = convolve(pictures, network.stem, { stride: 2, activation: 'relu' });
    let map = stemPool(onPictures(stem, stemBounds), backbone.stemPool);
    const maps = network.stages.map((stage, i) => {
      const after = bounds[i] as Bounds;
      return (map = runStage(map, stage, { before: bounds[i - 1] ?? after, after }));
    });
    if (network.lateral.length > 0) return pyramid(maps, bounds, network);
    const last = bounds.at(-1) as Bounds;
    return { maps: [onPictures(maps.at(-1) as tf.Tensor4D, last)], bounds: [last] };
  });
}

function pyramid(
  maps: readonly tf.Tensor4D[],
  bounds: readonly Bounds[],
  { lateral, output }: DetectorNetwork,
): FeatureMaps {
  const sums: tf.Tensor4D[] = [];
  for (let i = maps.length - 1; i >= 0; i--) {
    const own = convolve(maps[i] as tf.Tensor4D, lateral[i] as (typeof lateral)[number]);
    const above = sums[0];
    sums.unshift(onPictures(above === undefined ? own : tf.add(own, doubled(above)), bounds[i] as Bounds));
  }
  const levels = sums.map((sum, i) =>
    onPictures(convolve(sum, output[i] as (typeof output)[number]), bounds[i] as Bounds),
  );
  const coarsest = tf.maxPool(levels.at(-1) as tf.Tensor4D, 1, 2, 'valid');
  return { maps: [...levels, coarsest], bounds: [...bounds, halved(bounds.at(-1) as Bounds)] };
}

/** Nearest-neighbour upsampling by 2. */
function doubled(map: tf.Tensor4D): tf.Tensor4D {
  const [, h, w] = map.shape;
  return tf.image.resizeNearestNeighbor(map, [h * 2, w * 2]);
}
