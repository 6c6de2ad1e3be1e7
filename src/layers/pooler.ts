// The sentence view of the encoder output: first token, dense, tanh.
import { tf } from '#tf';
import { only, requireDim } from '../shapes.js';
import { linear, type LinearWeights } from './linear.js';
import { WeightedLayer, type WeightedLayerArgs } from './weighted-layer.js';

/**
 * Pools a sequence into one vector: `y = tanh(x[:, 0] W^T + b)`.
 *
 * Call: `[b, s, h] float32` to `[b, h] float32` in (-1, 1). Position 0 is [CLS], never padded, so no mask is taken.
 * Weights: `dense.weight [h, h]`, `dense.bias [h]`. Behaves alike in training and inference.
 * @example
 * const pooled = new Pooler({ initializerRange: 0.02 }).apply(tf.input({ shape: [11, 12] })); // [b, 12]
 * @throws ShapeError when `h` is unknown at build time.
 * @see google-research/bert, `modeling.py`, scope "pooler"; its input is vector C of https://arxiv.org/abs/1810.04805
 */
export class Pooler extends WeightedLayer {
  static readonly className = 'VisualBertPooler';
  private dense!: LinearWeights;

  constructor(args: WeightedLayerArgs) {
    super(args);
    this.inputSpec = [{ ndim: 3 }];
  }

  override build(inputShape: tf.Shape): void {
    const h = requireDim(inputShape, -1, this.name);
    this.dense = this.linearWeights('dense', h, h);
    super.build(inputShape);
  }

  /** States of the first token `[b, h]` to `[b, h]`. */
  run(cls: tf.Tensor): tf.Tensor {
    return tf.tanh(linear(cls, this.dense));
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => this.run(tf.squeeze(tf.slice(only(inputs, this.name), [0, 0, 0], [-1, 1, -1]), [1])));
  }

  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return [inputShape[0] ?? null, inputShape[2] ?? null];
  }
}
tf.serialization.registerClass(Pooler);
