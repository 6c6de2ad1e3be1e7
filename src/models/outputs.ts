// Outputs of the classes: transformers' names in camelCase, and its order for `returnDict: false`.
import type * as tf from '@tensorflow/tfjs';

/** Shared by every class. Tensors belong to the caller. */
export interface ModelOutputs {
  /** Scalar, when labels are given. */
  loss?: tf.Scalar;
  lastHiddenState?: tf.Tensor;
  poolerOutput?: tf.Tensor;
  predictionLogits?: tf.Tensor;
  seqRelationshipLogits?: tf.Tensor;
  logits?: tf.Tensor;
  /** `[b, s, h]` after the embeddings and after each layer, when `outputHiddenStates`. */
  hiddenStates?: tf.Tensor[];
  /** `[b, n, s, s]` of each layer, when `outputAttentions`: the probabilities that multiplied the values. */
  attentions?: tf.Tensor[];
}

const ORDER = [
  'loss',
  'lastHiddenState',
  'poolerOutput',
  'predictionLogits',
  'seqRelationshipLogits',
  'logits',
  'hiddenStates',
  'attentions',
] as const;

/** The outputs in the order of transformers' tuples, without absent ones. */
export function toTuple(outputs: ModelOutputs): (tf.Tensor | tf.Tensor[])[] {
  return ORDER.flatMap((name) => {
    const value = outputs[name];
    return value === undefined ? [] : [value];
  });
}

/** Outputs of the classes with one table of scores. */
export interface LogitsOutputs extends ModelOutputs {
  /** Raw scores, before any softmax. */
  logits: tf.Tensor;
}
