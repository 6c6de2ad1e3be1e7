// What a training step asks of a model, so that the step knows no architecture.
import type * as tf from '@tensorflow/tfjs';

/** Model inputs as tensors, by camelCase name. */
export type StepTensors = Record<string, tf.Tensor>;

/** Outputs of one forward pass; lists are hidden states or attentions. */
export type StepOutputs = Record<string, tf.Tensor | readonly tf.Tensor[] | null | undefined>;

export interface StepContext {
  training: boolean;
  /** int32 [2] = (seed, step); null without dropout. */
  dropoutKey: tf.Tensor1D | null;
}

/** Whoever has taken the parameters: stateDict reads through it, `forward` names it. */
export interface ParameterHolder {
  /** Brings the model's variables up to date. */
  syncParameters(): Promise<void>;
}

export interface TrainableModel {
  /** The pure function of tensors: no checks of values, nothing asynchronous. Its `loss` is there when labels are. */
  compute(inputs: StepTensors, context: StepContext): StepOutputs;
  /** Parameters by transformers' name; a tied parameter appears once. */
  namedParameters(): Map<string, tf.Variable>;
  /** Told that a step takes the parameters, or (null) gives them back. */
  holdParameters?(holder: ParameterHolder | null): void;
}
