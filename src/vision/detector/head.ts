// The head of a detector: features, class scores, box deltas and attributes of each region.
import { tf } from '#tf';
import { type Bottleneck, runStage } from '../layers/resnet.js';
import { relu } from '../layers/relu.js';
import type { DetectorConfig } from './config.js';
import type { DetectorNetwork, Linear } from './network.js';
import type { RegionCutter } from './pooling.js';

/** Regions that pass the last stage at a time: bounds memory. */
const PIECE = 32;

/** Outputs of the head for `r` regions. */
export interface HeadOutputs {
  /** `[r, d]`: the features that are returned. */
  features: tf.Tensor2D;
  /** `[r, classes + 1]`: probabilities, background last. */
  probabilities: tf.Tensor2D;
  /** `[r, classes, 4]` */
  deltas: tf.Tensor3D;
  /** `[r, attributes]`: probabilities; absent without attributes. */
  attributes?: tf.Tensor2D;
}

/** `y = x W^T + b` */
function applyLinear(x: tf.Tensor2D, { weight, bias }: Linear): tf.Tensor2D {
  return tf.add(tf.matMul(x, weight, false, true), bias);
}

/** Runs the head on `r` regions. */
export function runHead(
  regions: RegionCutter,
  r: number,
  network: DetectorNetwork,
  config: DetectorConfig,
): HeadOutputs {
  return tf.tidy(() => {
    const { seen, features } = regionVectors(regions, r, network, config);
    const { logits, deltas, attributes } = predict(seen, network, config);
    // The last column (no attribute) is dropped.
    const named = attributes === undefined ? {} : { attributes: tf.softmax(withoutLast(attributes)) };
    return { features, probabilities: tf.softmax(logits), deltas, ...named };
  });
}

/** Outputs of the predictors for `r` regions, before the softmax. */
export interface Predictions {
  /** `[r, classes + 1]`, background last. */
  logits: tf.Tensor2D;
  /** `[r, classes, 4]` */
  deltas: tf.Tensor3D;
  /** `[r, attributes + 1]`, "no attribute" last; absent without attributes. */
  attributes?: tf.Tensor2D;
}

/**
 * Predicts from the hidden vectors of regions, `[r, d]`.
 * @param classes `[r]` int32: the class that attributes are conditioned on. Default: the most likely class, background included.
 */
export function predict(
  seen: tf.Tensor2D,
  network: DetectorNetwork,
  config: DetectorConfig,
  classes?: tf.Tensor1D,
): Predictions {
  const logits = applyLinear(seen, network.classes);
  const moves = applyLinear(seen, network.boxes);
  const each: tf.Tensor2D = config.isClassAgnostic === true ? tf.tile(moves, [1, config.classes]) : moves;
  const deltas: tf.Tensor3D = tf.reshape(each, [-1, config.classes, 4]);
  if (network.attributes === null) return { logits, deltas };
  const given = classes ?? (tf.argMax(logits, 1) as tf.Tensor1D);
  return { logits, deltas, attributes: attributeLogits(seen, given, network.attributes) };
}

/** The inputs of the predictors and the features that are returned: `[r, d]` both. */
export function regionVectors(
  regions: RegionCutter,
  r: number,
  { head }: DetectorNetwork,
  { feature }: DetectorConfig,
): { seen: tf.Tensor2D; features: tf.Tensor2D } {
  if (head.kind === 'res5') {
    const seen = stageMeans(regions, r, head.stage);
    return { seen, features: seen };
  }
  const flat = tf.reshape(regions.cut(0, r), [r, -1]) as tf.Tensor2D;
  const fc6 = relu(applyLinear(flat, head.fc6));
  const linear = applyLinear(fc6, head.fc7);
  const seen = relu(linear);
  return { seen, features: feature === 'fc6' ? fc6 : feature === 'fc7' ? seen : linear };
}

/** Means over the last stage, `[r, d]`, a few regions at a time, in a recorded graph too. */
function stageMeans(regions: RegionCutter, r: number, stage: readonly Bottleneck[]): tf.Tensor2D {
  const means: tf.Tensor2D[] = [];
  for (let from = 0; from < r; from += PIECE) {
    const next = tf.tidy(() => {
      const some = regions.cut(from, Math.min(PIECE, r - from), means.slice(-1));
      return tf.mean(runStage(some, stage), [1, 2]) as tf.Tensor2D;
    });
    means.push(next);
  }
  return tf.concat(means, 0);
}

/** Logits of the attributes given a class. */
function attributeLogits(
  seen: tf.Tensor2D,
  classes: tf.Tensor1D,
  { embedding, hidden, scores }: NonNullable<DetectorNetwork['attributes']>,
): tf.Tensor2D {
  const known = tf.gather(embedding, classes); // [r, e]
  return applyLinear(relu(applyLinear(tf.concat([seen, known], 1), hidden)), scores);
}

function withoutLast(scores: tf.Tensor2D): tf.Tensor2D {
  return tf.slice(scores, [0, 0], [-1, scores.shape[1] - 1]);
}
