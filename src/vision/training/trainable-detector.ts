// A region detector whose parameters are trained: both of its stages at once, each with its losses.
import * as tf from '@tensorflow/tfjs';
import { ConfigError, ShapeError } from '../../errors.js';
import { withGradient } from '../../layers/with-gradient.js';
import { hash32 } from '../../random/philox.js';
import { philoxUniform } from '../../random/philox-uniform.js';
import { normalValues } from '../../random/values.js';
import type { RawTensor, ReadTensor } from '../../raw-tensor.js';
import { sizeOf } from '../../shapes.js';
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
import {
  flatRows,
  matchBoxes,
  type MatchOptions,
  type Matches,
  overlaps,
  sampleBoxes,
  type SampleSize,
} from './matching.js';

/** When an anchor, or a proposal, is to find an object. @see pytorch/vision `faster_rcnn.py` */
const ANCHOR_MATCH = { positive: 0.7, negative: 0.3, keepsBest: true };
const PROPOSAL_MATCH = { positive: 0.5, negative: 0.5, keepsBest: false };
/** Both stages draw boxes at random, each from a stream of its own. */
const [ANCHOR_SALT, PROPOSAL_SALT] = [hash32('detector.anchors'), hash32('detector.proposals')];

/** Options of a `TrainableDetector`. */
export interface TrainableDetectorOptions {
  /** Of the initial weights. Default 0. */
  seed?: number;
  /** Anchors of each picture that an update learns from. Default 64, half of them positive where there are as many. */
  anchors?: SampleSize;
  /** Proposals of each picture that an update learns from. Default 32, a quarter of them positive. */
  proposals?: SampleSize;
}

/** What an update learns from: see `detectionBatch`. */
export type DetectionBatch = {
  /** `[b, h, w, 3]`: blue, green, red; normalised, padded with zeros. */
  pictures: RawTensor;
  /** `[b, 2]` float32: height and width at which boxes end. */
  sizes: RawTensor;
  /** `[b, g, 4]` float32: x1, y1, x2, y2 in pixels of the resized picture; 0 in rows without an object. */
  boxes: RawTensor;
  /** `[b, g]` int32: numbers of classes, from 0. */
  classes: RawTensor;
  /** `[b, g]` int32: numbers of attributes, from 0; -1 for unknown. */
  attributes: RawTensor;
};

/** The loss of an update, the sum of the others. */
export type DetectorLosses = Record<'loss' | 'objectness' | 'proposals' | 'classes' | 'boxes', tf.Scalar> & {
  attributes?: tf.Scalar;
};

type Inputs = Record<keyof DetectionBatch, tf.Tensor>;

/**
 * A detector that `createTrainingStep` trains, compiled or not: with a pyramid, without groups, with a fixed number of samples of RoIAlign.
 * Batch norms are folded in, as everywhere here: nothing is normalised by the statistics of a batch.
 * @example
 * const detector = new TrainableDetector(config, { seed: 1 });
 * const step = await createTrainingStep(detector, { learningRate: 2e-3 });
 * await step.run(detectionBatch(examples, config));
 * await step.dispose();
 * await detector.savePretrained('detector');
 * @see https://arxiv.org/abs/1506.01497; https://arxiv.org/abs/1612.03144
 */
export class TrainableDetector {
  readonly config: DetectorConfig;
  private readonly parameters: Map<string, tf.Variable>;
  private readonly samples: { anchors: SampleSize; proposals: SampleSize };
  private holder: { lendParameters<T>(use: (read: ReadTensor) => Promise<T>): Promise<T> } | null = null;

  /** @throws ConfigError for settings that no detector can have, or that cannot be trained. */
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

  /** Parameters by the names of the files of `visualbert convert`. */
  namedParameters(): Map<string, tf.Variable> {
    return new Map(this.parameters);
  }

  holdParameters(holder: TrainableDetector['holder']): void {
    this.holder = holder;
  }

  /** @throws ShapeError for inputs of other shapes than `DetectionBatch` has. */
  prepareArrays(batch: DetectionBatch): { arrays: Record<string, RawTensor>; exampleCount: number } {
    const [b = 0] = batch.pictures.shape;
    const g = batch.boxes.shape[1] as number;
    const expected = { sizes: [b, 2], boxes: [b, g, 4], classes: [b, g], attributes: [b, g] };
    for (const [name, shape] of Object.entries(expected) as [keyof typeof expected, number[]][]) {
      if (batch[name].shape.join() !== shape.join())
        throw new ShapeError(
          `TrainableDetector: expected ${name} [${shape.join(', ')}], received [${batch[name].shape.join(', ')}]`,
        );
    }
    return { arrays: { ...batch }, exampleCount: b };
  }

  /**
   * Losses of a batch. Proposals are constants to them, as in the originals.
   * @param context `dropoutKey`: of the boxes that are drawn; null draws the first ones.
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

  /** The parameters in the form that the computation takes them. */
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
    const [b, n] = logits.shape;
    const all: tf.Tensor3D = tf.tile(tf.expandDims(anchors) as tf.Tensor3D, [b, 1, 1]);
    const drawn = this.draw(all, objects as tf.Tensor3D, ANCHOR_MATCH, this.samples.anchors, uniform([b, n], key, ANCHOR_SALT)); // prettier-ignore
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
    const candidates: tf.Tensor3D = tf.concat([proposals, objects], 1); // [b, p + g, 4]: the objects themselves are proposals too
    const [b, n] = candidates.shape;
    const drawn = this.draw(candidates, objects, PROPOSAL_MATCH, this.samples.proposals, uniform([b, n], key, PROPOSAL_SALT)); // prettier-ignore
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

  /** Draws boxes `[b, n, 4]`, with the objects that they are to find. */
  private draw(
    boxes: tf.Tensor3D,
    objects: tf.Tensor3D,
    match: MatchOptions,
    size: SampleSize,
    chances: tf.Tensor2D,
  ): Drawn {
    const n = boxes.shape[1];
    const g = objects.shape[1];
    const matches = matchBoxes(overlaps(boxes, objects), match);
    const all: tf.Tensor2D = tf.reshape(boxes, [-1, 4]);
    const isBox = this.hasArea(boxes);
    const usable: Matches = { ...matches, isNegative: tf.logicalAnd(matches.isNegative, isBox) };
    const { rows, isUsed } = sampleBoxes(usable, chances, size);
    const flat = flatRows(rows, n);
    const flatUsed: tf.Tensor1D = tf.reshape(isUsed, [-1]);
    const isPositive = tf.logicalAnd(flatUsed, tf.gather(tf.reshape(matches.isPositive, [-1]), flat)) as tf.Tensor1D;
    const own = tf.gather(tf.reshape(matches.objects, [-1]), flat);
    const object = flatRows(tf.reshape(own, rows.shape) as tf.Tensor2D, g);
    const found = tf.gather(tf.reshape(objects, [-1, 4]), object) as tf.Tensor2D;
    const unit = tf.tensor2d([[0, 0, 1, 1]]);
    const drawn = tf.where(tf.expandDims(flatUsed, 1), tf.gather(all, flat), unit) as tf.Tensor2D; // finite deltas in all rows
    return {
      rows: flat,
      isUsed: flatUsed,
      isPositive,
      boxes: drawn,
      objects: tf.where(tf.expandDims(isPositive, 1), found, drawn),
      ofObject: (values, otherwise) =>
        tf.where(
          isPositive,
          tf.gather(tf.reshape(values, [-1]), object),
          tf.fill(isPositive.shape, otherwise, 'int32'),
        ) as tf.Tensor1D,
    };
  }

  /** Whether a row of proposals is one: rows without any are 0. `[b, n]` */
  private hasArea(boxes: tf.Tensor3D): tf.Tensor2D {
    const [low, high] = tf.split(boxes, 2, 2) as [tf.Tensor3D, tf.Tensor3D];
    return tf.all(tf.greater(high, low), 2) as tf.Tensor2D;
  }

  private targetsOf(
    { isUsed, isPositive, boxes, objects }: Drawn,
    weights: Parameters<typeof deltasBetween>[2],
  ): BoxTargets {
    return { isUsed, isPositive, deltas: deltasBetween(boxes, objects, weights, this.config.boxes) };
  }
}

/** Boxes that an update learns from, `[r]` rows of all pictures. */
interface Drawn {
  /** int32: rows of the boxes of all pictures. */
  rows: tf.Tensor1D;
  isUsed: tf.Tensor1D;
  isPositive: tf.Tensor1D;
  /** `[r, 4]` */
  boxes: tf.Tensor2D;
  /** `[r, 4]`: what each is to find; itself, where it is to find nothing. */
  objects: tf.Tensor2D;
  /** Of each row's object, out of int32 `[b, g]`. */
  ofObject(values: tf.Tensor, otherwise: number): tf.Tensor1D;
}

function uniform(shape: [number, number], key: tf.Tensor1D | null, salt: number): tf.Tensor2D {
  if (key !== null) return philoxUniform(shape, key, salt) as tf.Tensor2D;
  const n = shape[1];
  return tf.tile(tf.reshape(tf.sub(1, tf.div(tf.range(1, n + 1), n + 1)), [1, n]), [shape[0], 1]) as tf.Tensor2D;
}

function requireTrainable(config: DetectorConfig): DetectorConfig {
  const { pyramid, backbone, pooling } = config;
  if (pyramid > 0 && backbone.groups === 1 && pooling.sampling > 0) return config;
  throw new ConfigError(
    'TrainableDetector: trains detectors with a pyramid, without groups, and with a fixed number of samples (pooling.sampling); ' +
      `received pyramid ${pyramid}, groups ${backbone.groups}, sampling ${pooling.sampling}`,
  );
}
