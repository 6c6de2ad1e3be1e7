// Scores of each region for each phrase: one attention head, before its softmax.
import { tf } from '#tf';
import { ShapeError } from '../errors.js';
import { requireDim } from '../shapes.js';
import { MASKED_SCORE } from './attention.js';
import { linear, type LinearWeights } from './linear.js';
import { firstShape, WeightedLayer, type WeightedLayerArgs } from './weighted-layer.js';

export interface RegionToPhraseAttentionArgs extends WeightedLayerArgs {
  /** Divides h to give the size of the single head. */
  numAttentionHeads: number;
}

/**
 * `scores = (P Wq^T + bq)(R Wk^T + bk)^T / sqrt(d)`, with masked regions at the most negative float32.
 *
 * Call: phrases `[b, p, h]`, regions `[b, v, h]`, region mask `[b, v]` (1 = a region) to `[b, p, v] float32`.
 * Weights: `query`, `key`, `value`, each `[d, h]` and `[d]`; `value` is not used but is in every checkpoint.
 * @example
 * const attention = new RegionToPhraseAttention({ numAttentionHeads: 4, initializerRange: 0.02 });
 * const [phrases, regions, mask] = [[3, 12], [6, 12], [6]].map((shape) => tf.input({ shape }));
 * const scores = attention.apply([phrases, regions, mask]); // [b, 3, 6]
 */
export class RegionToPhraseAttention extends WeightedLayer {
  static readonly className = 'VisualBertRegionToPhraseAttention';
  private readonly numAttentionHeads: number;
  private query!: LinearWeights;
  private key!: LinearWeights;

  constructor(args: RegionToPhraseAttentionArgs) {
    super(args);
    this.numAttentionHeads = args.numAttentionHeads;
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const h = requireDim(firstShape(inputShape), -1, this.name);
    const headSize = Math.floor(h / this.numAttentionHeads);
    this.query = this.linearWeights('query', headSize, h);
    this.key = this.linearWeights('key', headSize, h);
    this.linearWeights('value', headSize, h);
    super.build(inputShape);
  }

  /** `[b, p, h]`, `[b, v, h]`, `[b, v]` to `[b, p, v]`. */
  run(phrases: tf.Tensor, regions: tf.Tensor, regionMask: tf.Tensor): tf.Tensor {
    const [b = 0, p = 0, h = 0] = phrases.shape;
    const v = regions.shape[1] ?? 0;
    const queries = tf.reshape(linear(tf.reshape(phrases, [b * p, h]), this.query), [b, p, -1]); // [b, p, d]
    const keys = tf.reshape(linear(tf.reshape(regions, [b * v, h]), this.key), [b, v, -1]); // [b, v, d]
    const headSize = queries.shape[2] ?? 1;
    const scores = tf.mul(tf.matMul(queries, keys, false, true), 1 / Math.sqrt(headSize)); // [b, p, v]
    // As in transformers: unlike the encoder's, this mask is not made boolean, so fractions mask in part.
    const bias = tf.mul(tf.sub(1, tf.cast(regionMask, 'float32')), MASKED_SCORE);
    return tf.add(scores, tf.reshape(bias, [b, 1, v]));
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const [phrases, regions, mask] = Array.isArray(inputs) ? inputs : [inputs];
      if (phrases === undefined || regions === undefined || mask === undefined) {
        throw new ShapeError(
          `${this.name}: expected phrases [b, p, h], regions [b, v, h] and their mask [b, v]; pass all three`,
        );
      }
      return this.run(phrases, regions, mask);
    });
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    const [phrases, regions] = inputShape as tf.Shape[];
    return [phrases?.[0] ?? null, phrases?.[1] ?? null, regions?.[1] ?? null];
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), numAttentionHeads: this.numAttentionHeads };
  }
}
tf.serialization.registerClass(RegionToPhraseAttention);
