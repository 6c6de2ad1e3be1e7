// A classification head: dropout, an optional transform, then one affine map.
import { tf } from '#tf';
import { type Activation, activationFunction, activationName } from './activations.js';
import { hash32 } from '../random/philox.js';
import { only, requireDim } from '../shapes.js';
import { dropout, type CallContext } from './dropout.js';
import { headTransform, type HeadTransformWeights, TRANSFORM } from './head-transform.js';
import { linear, type LinearWeights } from './linear.js';
import { WeightedLayer, type CallKwargs, type WeightedLayerArgs } from './weighted-layer.js';

export interface ClassifierArgs extends WeightedLayerArgs {
  numLabels: number;
  hiddenDropoutProb: number;
  /** Adds dense, activation and layer norm before the affine map, as in MMF. Default null: one layer, as in the authors' code and transformers. */
  transform?: { hiddenAct: Activation; layerNormEps: number } | null;
}

/**
 * Scores of each class: `y = dropout(x) W^T + b`, or `y = transform(dropout(x)) W^T + b`.
 *
 * Call: `[b, h] float32` to `[b, c] float32`. Weights: `weight [c, h]`, `bias [c]`; with a transform first `transform.{dense,LayerNorm}`.
 * @example
 * const classifier = new Classifier({ numLabels: 7, hiddenDropoutProb: 0.1, initializerRange: 0.02 });
 * const scores = classifier.apply(tf.input({ shape: [12] })); // [b, 7]
 * @throws ShapeError when `h` is unknown at build time.
 */
export class Classifier extends WeightedLayer {
  static readonly className = 'VisualBertClassifier';
  private readonly numLabels: number;
  private readonly rate: number;
  private readonly transform: { hiddenAct: Activation; layerNormEps: number } | null;
  private transformWeights: HeadTransformWeights | null = null;
  private weights_!: LinearWeights;

  constructor(args: ClassifierArgs) {
    super(args);
    this.numLabels = args.numLabels;
    this.rate = args.hiddenDropoutProb;
    this.transform = args.transform ?? null;
    this.inputSpec = [{ ndim: 2 }];
  }

  override build(inputShape: tf.Shape): void {
    const h = requireDim(inputShape, -1, this.name);
    if (this.transform !== null) {
      const dense = this.linearWeights(TRANSFORM.dense, h, h);
      this.transformWeights = { dense, norm: this.normWeights(TRANSFORM.norm, h) };
    }
    this.weights_ = {
      weight: this.weight('weight', [this.numLabels, h], this.normal()),
      bias: this.weight('bias', [this.numLabels], { kind: 'zeros' }),
    };
    super.build(inputShape);
  }

  /** `[m, h]` to `[m, c]`. */
  run(x: tf.Tensor, context: CallContext): tf.Tensor {
    const site = { rate: this.rate, salt: hash32(`${this.name}.dropout`) };
    return linear(this.transformed(dropout(x, site, context)), this.weights_);
  }

  private transformed(x: tf.Tensor): tf.Tensor {
    if (this.transform === null || this.transformWeights === null) return x;
    const { hiddenAct, layerNormEps } = this.transform;
    return headTransform(x, this.transformWeights, activationFunction(hiddenAct), layerNormEps);
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs?: CallKwargs): tf.Tensor {
    return tf.tidy(() => this.run(only(inputs, this.name), this.contextOf(kwargs)));
  }

  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return [inputShape[0] ?? null, this.numLabels];
  }

  override getConfig(): tf.serialization.ConfigDict {
    const transform = this.transform && {
      hiddenAct: activationName(this.transform.hiddenAct, this.name),
      layerNormEps: this.transform.layerNormEps,
    };
    return { ...super.getConfig(), numLabels: this.numLabels, hiddenDropoutProb: this.rate, transform };
  }
}
tf.serialization.registerClass(Classifier);
