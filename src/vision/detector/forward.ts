// The detector as a function of tensors, up to the choice of boxes. Every shape depends only on those of the inputs.
import { tf } from '#tf';
import { clipBoxes, HEAD_WEIGHTS, moveBoxes } from '../boxes/transform.js';
import { featureMaps, type FeatureMaps } from './backbone.js';
import type { DetectorConfig } from './config.js';
import { runHead } from './head.js';
import type { DetectorNetwork } from './network.js';
import { createRegionCutter } from './pooling.js';
import { propose, type Proposals, rateAnchors } from './proposals.js';

/** Outputs for `p` proposals of each of `b` pictures. */
export type DetectorOutputs = {
  /** `[b, p]`: -infinity in rows without a proposal. */
  objectness: tf.Tensor2D;
  /** `[b, p, 4]` in pixels of the resized picture. */
  proposals: tf.Tensor3D;
  /** `[b, p, d]` */
  features: tf.Tensor3D;
  /** `[b, p, classes + 1]`: probabilities, background last. */
  probabilities: tf.Tensor3D;
  /** `[b, p, k, 4]`: the proposal moved by the deltas of its best class (k = 1) or of each class; absent when proposals are returned. */
  moved?: tf.Tensor4D;
  /** `[b, p]` int32 and float32: the best attribute and its probability; absent without attributes. */
  attributes?: tf.Tensor2D;
  attributeScores?: tf.Tensor2D;
};

/**
 * Runs the detector.
 * @param pictures `[b, h, w, 3]`: blue, green, red; normalised, padded with zeros.
 * @param sizes `[b, 2]` float32: height and width at which boxes end.
 * @param size `[2]` int32: rows and columns of the pictures; null when they fill the tensor. Pixels outside them have no effect.
 */
export function runDetector(
  pictures: tf.Tensor4D,
  sizes: tf.Tensor2D,
  network: DetectorNetwork,
  config: DetectorConfig,
  size: tf.Tensor1D | null = null,
): DetectorOutputs {
  return tf.tidy(() => {
    const maps = featureMaps(pictures, network, config, size);
    const proposals = propose(rateAnchors(maps, network, config), sizes, config);
    return describeProposals(maps, proposals, sizes, network, config);
  });
}

/** The second stage: features, classes, boxes and attributes of proposals. */
export function describeProposals(
  maps: FeatureMaps,
  { boxes: proposals, scores: objectness }: Proposals,
  sizes: tf.Tensor2D,
  network: DetectorNetwork,
  config: DetectorConfig,
): DetectorOutputs {
  return tf.tidy(() => {
    const [b, p] = proposals.shape;
    const boxes: tf.Tensor2D = tf.reshape(proposals, [b * p, 4]);
    const regions = createRegionCutter(maps, boxes, imageOfRows(b, p), config);
    const { features, probabilities, deltas, attributes } = runHead(regions, b * p, network, config);
    const moved = movedBoxes(boxes, deltas, probabilities, config);
    const perPicture = <T extends tf.Tensor>(values: tf.Tensor): T =>
      tf.reshape(values, [b, p, ...values.shape.slice(1)] as number[] as [number]) as tf.Tensor as T;
    return {
      objectness,
      proposals,
      features: perPicture<tf.Tensor3D>(features),
      probabilities: perPicture<tf.Tensor3D>(probabilities),
      ...(moved !== null && { moved: clippedBoxes(perPicture(moved), sizes, config) }),
      ...(attributes !== undefined && {
        attributes: perPicture<tf.Tensor2D>(tf.argMax(attributes, 1)),
        attributeScores: perPicture<tf.Tensor2D>(tf.max(attributes, 1)),
      }),
    };
  });
}

/** The picture of each row of `[b * p, ...]`: `[b * p]` int32. */
export function imageOfRows(b: number, p: number): tf.Tensor1D {
  return tf.reshape(tf.tile(tf.range(0, b, 1, 'int32').reshape([b, 1]), [1, p]), [b * p]);
}

/** `[r, k, 4]` */
function movedBoxes(
  boxes: tf.Tensor2D,
  deltas: tf.Tensor3D,
  probabilities: tf.Tensor2D,
  { choice, classes, boxes: convention }: DetectorConfig,
): tf.Tensor3D | null {
  if (choice.rule === 'every-class') {
    return choice.boxes === 'proposals' ? null : moveBoxes(boxes, deltas, HEAD_WEIGHTS, convention);
  }
  const best = tf.argMax(tf.slice(probabilities, [0, 0], [-1, classes]), 1); // [r]
  const starts = tf.range(0, boxes.shape[0] * classes, classes, 'int32');
  const own = tf.gather(tf.reshape(deltas, [-1, 4]), tf.add(starts, best)); // [r, 4]
  return moveBoxes(boxes, tf.expandDims(own, 1), HEAD_WEIGHTS, convention);
}

/** Boxes `[b, p, k, 4]`, clipped to their pictures. */
function clippedBoxes(boxes: tf.Tensor4D, sizes: tf.Tensor2D, { boxes: convention }: DetectorConfig): tf.Tensor4D {
  const pictures = tf.unstack(boxes).map((own, i) => clipBoxes(own, tf.unstack(sizes)[i] as tf.Tensor1D, convention));
  return tf.stack(pictures) as tf.Tensor4D;
}
