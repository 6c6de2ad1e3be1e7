// The transform before the last layer of a BERT head: dense, activation, layer norm.
import type * as tf from '@tensorflow/tfjs';
import { layerNorm, type NormWeights } from './layer-norm.js';
import { linear, type LinearWeights } from './linear.js';

/** Prefixes of the transform's weights. */
export const TRANSFORM = { dense: 'transform.dense', norm: 'transform.LayerNorm' } as const;

export interface HeadTransformWeights {
  dense: LinearWeights;
  norm: NormWeights;
}

/**
 * `norm(activation(x W^T + b))`: `[m, h] float32` to `[m, h] float32`.
 * @see transformers, `modeling_bert.py`, BertPredictionHeadTransform
 */
export function headTransform(
  x: tf.Tensor,
  { dense, norm }: HeadTransformWeights,
  activate: (x: tf.Tensor) => tf.Tensor,
  layerNormEps: number,
): tf.Tensor {
  return layerNorm(activate(linear(x, dense)), norm, layerNormEps);
}
