// A classification head: dropout, then one affine map.
import * as tf from '@tensorflow/tfjs';
import { hash32 } from '../random/philox.js';
import { only, requireDim } from '../shapes.js';
import { dropout, type CallContext } from './dropout.js';
import { linear, type LinearWeights } from './linear.js';
import { WeightedLayer, type CallKwargs, type WeightedLayerArgs } from './weighted-layer.js';

export interface ClassifierArgs extends WeightedLayerArgs {
  numLabels: number;
  hiddenDropoutProb: number;
}

/**
 * Scores of each class: `y = dropout(x) W^T + b`.
 *
 * Call: `[b, h] float32` to `[b, c] float32`. Weights: `weight [c, h]`, `bias [c]`.
 * @throws ShapeError when `h` is unknown at build time.
 */
export class Classifier extends WeightedLayer {
  static readonly className = 'VisualBertClassifier';
  private readonly numLabels: number;
  private readonly rate: number;
  private weights_!: LinearWeights;

  constructor({ numLabels, hiddenDropoutProb, ...rest }: ClassifierArgs) {
    super(rest);
    this.numLabels = numLabels;
    this.rate = hiddenDropoutProb;
    this.inputSpec = [{ ndim: 2 }];
  }

  override build(inputShape: tf.Shape): void {
    const h = requireDim(inputShape, -1, this.name);
    this.weights_ = {
      weight: this.weight('weight', [this.numLabels, h], this.normal()),
      bias: this.weight('bias', [this.numLabels], { kind: 'zeros' }),
    };
    super.build(inputShape);
  }

  /** `[m, h]` to `[m, c]`. */
  run(x: tf.Tensor, context: CallContext): tf.Tensor {
    const place = { rate: this.rate, salt: hash32(`${this.name}.dropout`) };
    return linear(dropout(x, place, context), this.weights_);
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs?: CallKwargs): tf.Tensor {
    return tf.tidy(() => this.run(only(inputs, this.name), this.contextOf(kwargs)));
  }

  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return [inputShape[0] ?? null, this.numLabels];
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), numLabels: this.numLabels, hiddenDropoutProb: this.rate };
  }
}
tf.serialization.registerClass(Classifier);
