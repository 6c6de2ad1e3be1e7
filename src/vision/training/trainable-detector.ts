// A trainable region detector: both stages are trained at once, each with its losses.
import { tf } from '#tf';
import { ConfigError, ShapeError } from '../../errors.js';
import { withGradient } from '../../layers/with-gradient.js';
import { hash32 } from '../../random/philox.js';
import { normalValues } from '../../random/values.js';
import type { RawTensor, ReadTensor } from '../../raw-tensor.js';
import { isSameShape, sizeOf } from '../../shapes.js';
import { deltasBetween, HEAD_WEIGHTS, PROPOSAL_WEIGHTS } from '../boxes/transform.js';
import { featureMaps, type FeatureMaps } from '../detector/backbone.js';
import { checkedDetectorConfig } from '../detector/check-config.js';
import type { DetectorConfig } from '../detector/config.js';
import { imageOfRows } from '../detector/forward.js';
import { predict, regionVectors } from '../detector/head.js';
import { createNetwork, createPart, type DetectorNetwork, type NetworkPart } from '../detector/network.js';
import { createRegionCutter } from '../detector/pooling.js';
import { propose, type RatedAnchors, rateAnchors } from '../detector/proposals.js';
import { detectorLayers } from '../detector/specification.js';
import { writeDetector } from '../weights/write.js';
import { type BoxTargets, boxLoss, classLoss, deltasOfClass, type HeadTargets, objectnessLoss } from './losses.js';
import { sampleWithObjects, type Drawn } from './draw.js';
import type { SampleSize } from './matching.js';

/** Matching thresholds of anchors and proposals. @see pytorch/vision `faster_rcnn.py` */
const ANCHOR_MATCH = { positive: 0.7, negative: 0.3, keepsBest: true };
const PROPOSAL_MATCH = { positive: 0.5, negative: 0.5, keepsBest: false };
/** Both stages sample boxes at random, each from its own stream. */
const [ANCHOR_SALT, PROPOSAL_SALT] = [hash32('detector.anchors'), hash32('detector.proposals')];

/** Options of a `TrainableDetector`. */
export interface TrainableDetectorOptions {
  /** Seed of the initial weights. Default 0. */
  seed?: number;
  /** Anchors sampled per picture. Default 64, at most half of them positive. */
  anchors?: SampleSize;
  /** Proposals sampled per picture. Default 32, at most a quarter of them positive. */
  proposals?: SampleSize;
}

/** A training batch: see `detectionBatch`. */
export type DetectionBatch = {
  /** `[b, h, w, 3]`: blue, green, red; normalised, padded with zeros. */
  pictures: RawTensor;
  /** `[b, 2]` float32: height and width at which boxes end. */
  sizes: RawTensor;
  /** `[b, g, 4]` float32: x1, y1, x2, y2 in pixels of the resized picture; 0 in rows without an object. */
  boxes: RawTensor;
  /** `[b, g]` int32: class indices from 0. */
  classes: RawTensor;
  /** `[b, g]` int32: attribute indices from 0; -1 for unknown. */
  attributes: RawTensor;
};

/** The losses of a batch; `loss` is the sum of the others. */
export type DetectorLosses = Record<'loss' | 'objectness' | 'proposals' | 'classes' | 'boxes', tf.Scalar> & {
  attributes?: tf.Scalar;
};

type Inputs = Record<keyof DetectionBatch, tf.Tensor>;

/**
 * A detector for `createTrainingStep`, compiled or not: with a pyramid, without groups, and with a fixed number of RoIAlign samples.
 * Batch norms are folded in: nothing is normalised by batch statistics.
 * @example
 * const detector = new TrainableDetector(config, { seed: 1 });
 * const step = await createTrainingStep(detector, { learningRate: 2e-3 });
 * await step.run(detectionBatch(examples, config));
 * await step.dispose();
 * await detector.savePretrained('detector');
 * detector.dispose();
 * @see https://arxiv.org/abs/1506.01497; https://arxiv.org/abs/1612.03144
 */
export class TrainableDetector {
  readonly config: DetectorConfig;
  private readonly parameters: Map<string, tf.Variable>;
  private readonly samples: { anchors: SampleSize; proposals: SampleSize };
  private holder: { lendParameters<T>(use: (read: ReadTensor) => Promise<T>): Promise<T> } | null = null;

  /** @throws ConfigError for settings that are invalid or cannot be trained. */
  constructor(config: DetectorConfig, options: TrainableDetectorOptions = {}) {
    this.config = requireTrainable(checkedDetectorConfig(config));
    const { seed = 0, anchors = { count: 64, positives: 32 }, proposals = { count: 32, positives: 8 } } = options;
    this.samples = { anchors, proposals };
    this.parameters = new Map(
      detectorLayers(this.config).flatMap(({ name, kind, shape, stddev }) => {
        const values = normalValues(sizeOf(shape), { seed, name: `${name}.weight`, stddev });
        const weight = [`${name}.weight`, tf.tidy(() => tf.variable(tf.tensor(values, [...shape])))] as const;
        const bias = (): tf.Variable => tf.tidy(() => tf.variable(tf.zeros([shape[0] as number])));
        return kind === 'table' ? [weight] : [weight, [`${name}.bias`, bias()] as const];
      }),
    );
  }

  /** Parameters by the names in the files of `visualbert convert`. */
  namedParameters(): Map<string, tf.Variable> {
    return new Map(this.parameters);
  }

  holdParameters(holder: TrainableDetector['holder']): void {
    this.holder = holder;
  }

  /** @throws ShapeError for inputs whose shapes differ from `DetectionBatch`. */
  prepareArrays(batch: DetectionBatch): { arrays: Record<string, RawTensor>; exampleCount: number } {
    const [b = 0] = batch.pictures.shape;
    const g = batch.boxes.shape[1] as number;
    const expected = { sizes: [b, 2], boxes: [b, g, 4], classes: [b, g], attributes: [b, g] };
    for (const [name, shape] of Object.entries(expected) as [keyof typeof expected, number[]][]) {
      if (!isSameShape(batch[name].shape, shape))
        throw new ShapeError(
          `TrainableDetector: expected ${name} [${shape.join(', ')}], received [${batch[name].shape.join(', ')}]`,
        );
    }
    return { arrays: { ...batch }, exampleCount: b };
  }

  /**
   * Losses of a batch. No gradient flows through the proposals, as in the originals.
   * @param context `dropoutKey`: key for sampling boxes; null takes the first ones.
   */
  compute(inputs: Record<string, tf.Tensor>, { dropoutKey }: { dropoutKey: tf.Tensor1D | null }): DetectorLosses {
    return tf.tidy(() => {
      const { config } = this;
      const batch = inputs as Inputs;
      const network = this.network();
      const maps = featureMaps(batch.pictures as tf.Tensor4D, network, config);
      const rated = rateAnchors(maps, network, config);
      const first = this.proposalLosses(rated, batch, dropoutKey);
      const proposals = withGradient(
        [],
        () => ({ value: propose(rated, batch.sizes as tf.Tensor2D, config).boxes, saved: [] }),
        () => [],
      ) as tf.Tensor3D;
      const second = this.headLosses(maps, proposals, network, batch, dropoutKey);
      const losses = { ...first, ...second };
      return { loss: tf.addN(Object.values(losses)) as tf.Scalar, ...losses };
    });
  }

  /** Writes a folder that `RegionDetector.fromPretrained` reads. */
  async savePretrained(dir: string): Promise<void> {
    const read: ReadTensor = async (name) => {
      const variable = this.parameters.get(name) as tf.Variable;
      return { dtype: 'float32', shape: variable.shape, data: (await variable.data()) as Float32Array };
    };
    const write = (reader: ReadTensor): Promise<void> => writeDetector(dir, this.config, reader);
    await (this.holder === null ? write(read) : this.holder.lendParameters(write));
  }

  /** Frees the parameters. */
  dispose(): void {
    tf.dispose([...this.parameters.values()]);
  }

  /** The parameters in the form of the computation. */
  private network(): DetectorNetwork {
    const parts = new Map<string, NetworkPart>();
    const copy = (name: string): tf.Tensor => tf.clone(this.parameters.get(name) as tf.Variable);
    for (const layer of detectorLayers(this.config)) {
      const bias = layer.kind === 'table' ? null : copy(`${layer.name}.bias`);
      parts.set(layer.name, createPart(layer, copy(`${layer.name}.weight`), bias, this.config));
    }
    return createNetwork(this.config, parts);
  }

  private proposalLosses(
    rated: readonly RatedAnchors[],
    { boxes: objects }: Inputs,
    key: tf.Tensor1D | null,
  ): Pick<DetectorLosses, 'objectness' | 'proposals'> {
    const anchors: tf.Tensor2D = tf.concat(rated.map((level) => level.anchors));
    const logits: tf.Tensor2D = tf.concat(rated.map((level) => level.logits), 1); // prettier-ignore
    const deltas: tf.Tensor3D = tf.concat(rated.map((level) => level.deltas), 1); // prettier-ignore
    const [b] = logits.shape;
    const all: tf.Tensor3D = tf.tile(tf.expandDims(anchors) as tf.Tensor3D, [b, 1, 1]);
    const drawn = sampleWithObjects(all, objects as tf.Tensor3D, ANCHOR_MATCH, this.samples.anchors, [key, ANCHOR_SALT]); // prettier-ignore
    const targets = this.targetsOf(drawn, PROPOSAL_WEIGHTS);
    return {
      objectness: objectnessLoss(tf.gather(tf.reshape(logits, [-1]), drawn.rows), targets),
      proposals: boxLoss(tf.gather(tf.reshape(deltas, [-1, 4]) as tf.Tensor2D, drawn.rows), targets),
    };
  }

  private headLosses(
    maps: FeatureMaps,
    proposals: tf.Tensor3D,
    network: DetectorNetwork,
    { boxes, classes, attributes }: Inputs,
    key: tf.Tensor1D | null,
  ): Omit<DetectorLosses, 'loss' | 'objectness' | 'proposals'> {
    const { config } = this;
    const objects = boxes as tf.Tensor3D;
    const candidates: tf.Tensor3D = tf.concat([proposals, objects], 1); // [b, p + g, 4]: the objects are added to the proposals
    const [b] = candidates.shape;
    const drawn = sampleWithObjects(candidates, objects, PROPOSAL_MATCH, this.samples.proposals, [key, PROPOSAL_SALT]); // prettier-ignore
    const targets: HeadTargets = {
      ...this.targetsOf(drawn, HEAD_WEIGHTS),
      classes: drawn.ofObject(classes, config.classes),
      attributes: drawn.ofObject(attributes, -1),
    };
    const r = drawn.boxes.shape[0];
    const regions = createRegionCutter(maps, drawn.boxes, imageOfRows(b, r / b), config);
    const { seen } = regionVectors(regions, r, network, config);
    const predicted = predict(seen, network, config, targets.classes);
    const isNamed = tf.logicalAnd(targets.isUsed, tf.greaterEqual(targets.attributes, 0)) as tf.Tensor1D;
    return {
      classes: classLoss(predicted.logits, targets.classes, targets.isUsed),
      boxes: boxLoss(deltasOfClass(predicted.deltas, targets.classes), targets),
      ...(predicted.attributes !== undefined && {
        attributes: classLoss(predicted.attributes, targets.attributes, isNamed),
      }),
    };
  }

  private targetsOf(
    { isUsed, isPositive, boxes, objects }: Drawn,
    weights: Parameters<typeof deltasBetween>[2],
  ): BoxTargets {
    return { isUsed, isPositive, deltas: deltasBetween(boxes, objects, weights, this.config.boxes) };
  }
}

function requireTrainable(config: DetectorConfig): DetectorConfig {
  const { pyramid, backbone, pooling } = config;
  if (pyramid > 0 && backbone.groups === 1 && pooling.sampling > 0) return config;
  throw new ConfigError(
    'TrainableDetector: expected a detector with a pyramid, without groups, and with a fixed number of samples (pooling.sampling), ' +
      `received pyramid ${pyramid}, groups ${backbone.groups}, sampling ${pooling.sampling}`,
  );
}
