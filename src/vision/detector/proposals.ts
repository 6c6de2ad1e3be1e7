// The region proposal network: moves and scores anchors, then suppresses overlapping ones.
import { tf } from '#tf';
import { createAnchors } from '../boxes/anchors.js';
import { extentOf } from '../boxes/convention.js';
import { clipBoxes, moveBoxes, PROPOSAL_WEIGHTS } from '../boxes/transform.js';
import { convolve } from '../layers/convolution.js';
import type { Bounds } from '../layers/bounds.js';
import { type FeatureMaps, mapStrides } from './backbone.js';
import type { DetectorConfig } from './config.js';
import type { DetectorNetwork } from './network.js';

/** Proposals of a batch, by descending scores; rows without a proposal are 0. */
export type Proposals = {
  /** `[b, p, 4]` float32 */
  boxes: tf.Tensor3D;
  /** `[b, p]` float32: logits, -infinity in rows without a proposal. */
  scores: tf.Tensor2D;
};

/** Boxes of one picture on one map. */
export type Candidates = {
  /** `[n, 4]` */
  boxes: tf.Tensor2D;
  /** `[n]`: logits, -infinity for none. */
  scores: tf.Tensor1D;
};

/** All anchors of one map with their logits and deltas. */
export interface RatedAnchors {
  /** `[n, 4]` */
  anchors: tf.Tensor2D;
  /** `[b, n]`: -infinity outside the pictures. */
  logits: tf.Tensor2D;
  /** `[b, n, 4]` */
  deltas: tf.Tensor3D;
}

/** Computes the logits and deltas of the anchors of each map. */
export function rateAnchors(
  { maps, bounds }: FeatureMaps,
  network: DetectorNetwork,
  config: DetectorConfig,
): RatedAnchors[] {
  return maps.map((map, level) => ({
    anchors: anchorsOf(map, level, config),
    ...rate(map, bounds[level] as Bounds, network),
  }));
}

/**
 * Proposals of pictures, ranked by logits: the sigmoid that some versions rank by differs only in ties near 1.
 * Every shape depends only on those of the maps.
 * @param sizes `[b, 2]` float32: height and width at which boxes end.
 * @see https://arxiv.org/abs/1506.01497
 */
export function propose(rated: readonly RatedAnchors[], sizes: tf.Tensor2D, config: DetectorConfig): Proposals {
  return tf.tidy(() => {
    const pictures = candidatesOf(rated, sizes, config);
    return bestProposals(
      pictures.map((levels) => levels.map((candidates) => suppressed(candidates, config))),
      config,
    );
  });
}

/** The best boxes of each picture on each map, by descending scores, before suppression. */
export function candidatesOf(
  rated: readonly RatedAnchors[],
  sizes: tf.Tensor2D,
  config: DetectorConfig,
): Candidates[][] {
  return tf.unstack(sizes).map((size, picture) =>
    rated.map(({ anchors, logits, deltas }) => {
      const own = {
        boxes: anchors,
        scores: row<tf.Tensor1D>(logits, picture),
        deltas: row<tf.Tensor2D>(deltas, picture),
      };
      return candidatesOnMap(own, size as tf.Tensor1D, config);
    }),
  );
}

/** The best boxes of each picture over all maps, after suppression on each map. */
export function bestProposals(
  pictures: readonly (readonly Candidates[])[],
  { proposals: { after } }: DetectorConfig,
): Proposals {
  const best = pictures.map((levels) => bestOf(levels, after));
  return {
    boxes: tf.stack(best.map(({ boxes }) => boxes)) as tf.Tensor3D,
    scores: tf.stack(best.map(({ scores }) => scores)) as tf.Tensor2D,
  };
}

/** Logits `[b, h * w * a]` (-infinity outside the pictures) and deltas `[b, h * w * a, 4]` of all anchors of a map. */
function rate(
  map: tf.Tensor4D,
  { mask }: Bounds,
  { proposals }: DetectorNetwork,
): { logits: tf.Tensor2D; deltas: tf.Tensor3D } {
  const b = map.shape[0];
  const hidden = convolve(map, proposals.conv, { activation: 'relu' });
  const logits = convolve(hidden, proposals.objectness);
  return {
    logits: tf.reshape(
      mask === undefined
        ? logits
        : tf.where(tf.greater(mask, 0), logits, tf.fill([1, 1, 1, 1], Number.NEGATIVE_INFINITY)),
      [b, -1],
    ),
    deltas: tf.reshape(convolve(hidden, proposals.deltas), [b, -1, 4]),
  };
}

function anchorsOf(map: tf.Tensor4D, level: number, config: DetectorConfig): tf.Tensor2D {
  const { anchors, pyramid, boxes } = config;
  const sizes = pyramid > 0 ? anchors.sizes.slice(level, level + 1) : anchors.sizes;
  const stride = mapStrides(config)[level] as number;
  const [, h, w] = map.shape;
  return tf.tensor2d(createAnchors(h, w, { sizes, ratios: anchors.ratios, stride, convention: boxes }), [
    h * w * sizes.length * anchors.ratios.length,
    4,
  ]);
}

function row<T extends tf.Tensor>(values: tf.Tensor, index: number): T {
  return tf.squeeze(tf.slice(values, [index], [1]), [0]) as T;
}

function candidatesOnMap(
  { boxes: anchors, scores, deltas }: Candidates & { deltas: tf.Tensor2D },
  size: tf.Tensor1D,
  { proposals, boxes: convention }: DetectorConfig,
): Candidates {
  const { values, indices } = tf.topk(scores, Math.min(proposals.before, scores.shape[0]), true);
  const some = tf.expandDims(tf.gather(deltas, indices), 1) as tf.Tensor3D;
  const moved = tf.squeeze(moveBoxes(tf.gather(anchors, indices), some, PROPOSAL_WEIGHTS, convention), [1]);
  const boxes = clipBoxes(moved as tf.Tensor2D, size, convention);
  const extent = extentOf(convention);
  const [x1, y1, x2, y2] = tf.split(boxes, 4, 1) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
  const lengths = tf.add(tf.concat([tf.sub(x2, x1), tf.sub(y2, y1)], 1), extent); // [n, 2]
  const isLarge = extent === 1 ? tf.greaterEqual(lengths, proposals.minSize) : tf.greater(lengths, proposals.minSize);
  const isUsable = tf.all(isLarge, 1); // also false for non-finite boxes
  return { boxes, scores: withoutOthers(values as tf.Tensor1D, isUsable) };
}

/** Boxes after suppression, by descending scores. */
function suppressed({ boxes, scores }: Candidates, { proposals, boxes: convention }: DetectorConfig): Candidates {
  const count = Math.min(proposals.after, boxes.shape[0]);
  const extent = extentOf(convention);
  // The overlap is the same with x and y swapped. TensorFlow measures lengths without an extent, so the far sides move by it.
  const measured = extent === 0 ? boxes : tf.add<tf.Tensor2D>(boxes, tf.tensor1d([0, 0, extent, extent]));
  const { selectedIndices, validOutputs } = tf.image.nonMaxSuppressionPadded(
    measured,
    scores,
    count,
    proposals.threshold,
    Number.NEGATIVE_INFINITY,
    true,
  ) as { selectedIndices: tf.Tensor1D; validOutputs: tf.Scalar };
  const isKept = tf.less(tf.range(0, count, 1, 'int32'), validOutputs);
  return {
    boxes: tf.gather(boxes, selectedIndices),
    scores: withoutOthers(tf.gather(scores, selectedIndices), isKept),
  };
}

/** The best boxes over all maps; boxes of empty rows are 0. */
function bestOf(levels: readonly Candidates[], after: number): Candidates {
  const scores = tf.concat(levels.map((level) => level.scores));
  const boxes = tf.concat(levels.map((level) => level.boxes));
  const { values, indices } = tf.topk(scores, Math.min(after, scores.shape[0]), true);
  const isAny = tf.greater(values, Number.NEGATIVE_INFINITY);
  const best = tf.gather(boxes, indices);
  return {
    boxes: tf.where(tf.expandDims(isAny, 1), best, tf.zerosLike(best)),
    scores: values as tf.Tensor1D,
  };
}

function withoutOthers(scores: tf.Tensor1D, isValid: tf.Tensor): tf.Tensor1D {
  return tf.where(isValid, scores, tf.fill(scores.shape, Number.NEGATIVE_INFINITY)) as tf.Tensor1D;
}
