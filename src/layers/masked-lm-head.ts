// Scores of every vocabulary word at each position: dense, activation, layer norm, then a decoder that may share the word table.
import { tf } from '#tf';
import { type Activation, activationFunction, activationName } from './activations.js';
import { ShapeError } from '../errors.js';
import { requireDim } from '../shapes.js';
import { headTransform, type HeadTransformWeights, TRANSFORM } from './head-transform.js';
import { linear, type LinearWeights } from './linear.js';
import { firstShape, WeightedLayer, type WeightedLayerArgs } from './weighted-layer.js';

export interface MaskedLmHeadArgs extends WeightedLayerArgs {
  vocabSize: number;
  hiddenAct: Activation;
  layerNormEps: number;
  /** Read the decoder's weight from the second input instead of owning one. */
  tied: boolean;
}

/**
 * `y = norm(activation(x W^T + b)) D^T + c` with decoder `D [w, h]`.
 *
 * Call: `[m, h] float32` (tied: and the word table `[w, h]`) to `[m, w] float32`.
 * Weights: `transform.{dense,LayerNorm}`, `bias [w]`; untied also `decoder.{weight,bias}`, and then `bias` is not used, as in transformers.
 * @example
 * const head = new MaskedLmHead({ vocabSize: 30, hiddenAct: 'gelu', layerNormEps: 1e-12, tied: false, initializerRange: 0.02 });
 * const scores = head.apply(tf.input({ shape: [12] })); // [m, 30]
 */
export class MaskedLmHead extends WeightedLayer {
  static readonly className = 'VisualBertMaskedLmHead';
  private readonly args: MaskedLmHeadArgs;
  private readonly activate: (x: tf.Tensor) => tf.Tensor;
  private transform!: HeadTransformWeights;
  private bias!: tf.Variable;
  private decoder: LinearWeights | null = null;

  constructor(args: MaskedLmHeadArgs) {
    super(args);
    this.args = args;
    this.activate = activationFunction(args.hiddenAct);
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const h = requireDim(firstShape(inputShape), -1, this.name);
    const dense = this.linearWeights(TRANSFORM.dense, h, h);
    this.transform = { dense, norm: this.normWeights(TRANSFORM.norm, h) };
    this.bias = this.weight('bias', [this.args.vocabSize], { kind: 'zeros' });
    if (!this.args.tied) this.decoder = this.linearWeights('decoder', this.args.vocabSize, h);
    super.build(inputShape);
  }

  /** The decoder's weight `[w, h]` when it is not tied. */
  get decoderWeight(): tf.Variable | null {
    return (this.decoder?.weight as tf.Variable | undefined) ?? null;
  }

  /** `[m, h]` and the word table, used when the decoder is tied, to `[m, w]`. */
  run(x: tf.Tensor, wordTable: tf.Tensor): tf.Tensor {
    const transformed = headTransform(x, this.transform, this.activate, this.args.layerNormEps); // [m, h]
    return linear(transformed, this.decoder ?? { weight: wordTable, bias: this.bias });
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const [x, table] = Array.isArray(inputs) ? inputs : [inputs];
      const wordTable = table ?? this.decoderWeight;
      if (x === undefined || wordTable === null) {
        throw new ShapeError(
          `${this.name}: expected [m, h] and, as the decoder is tied, the word table [w, h]; pass both`,
        );
      }
      return this.run(x, wordTable);
    });
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    return [...firstShape(inputShape).slice(0, -1), this.args.vocabSize];
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { vocabSize, hiddenAct, layerNormEps, tied } = this.args;
    return { ...super.getConfig(), vocabSize, hiddenAct: activationName(hiddenAct, this.name), layerNormEps, tied };
  }
}
tf.serialization.registerClass(MaskedLmHead);
