// The interface of a model that a training step requires, independent of architectures.
import type * as tf from '@tensorflow/tfjs';
import { ConfigError } from '../../errors.js';
import type { InputValue } from '../../models/inputs/checked-input.js';
import type { ModelInputs } from '../../models/inputs/inputs.js';
import type { RawTensor, ReadTensor } from '../../raw-tensor.js';

/** Inputs by camelCase name, in any form that a model's `forward` accepts: tensors (never disposed), raw arrays, nested lists. */
export type StepInputs = ModelInputs | Record<string, InputValue | null | undefined>;

/** Model inputs as tensors, by camelCase name. */
export type StepTensors = Record<string, tf.Tensor>;

/** Outputs of one forward pass; lists are hidden states or attentions. */
export interface StepOutputs {
  loss?: tf.Scalar;
  [name: string]: tf.Tensor | readonly tf.Tensor[] | undefined;
}

export interface StepContext {
  training: boolean;
  /** int32 [2] = (seed, step), or [3] with the number of a worker; null without dropout. */
  dropoutKey: tf.Tensor1D | null;
  attentionHook?: (probabilities: tf.Tensor) => tf.Tensor;
  outputAttentions?: boolean;
  outputHiddenStates?: boolean;
  gradientCheckpointing?: boolean;
  labelSmoothing?: number;
}

export interface TrainableModel {
  /** The pure function of tensors, without checks of values or asynchronous code. Returns `loss` when labels are given. */
  compute(inputs: StepTensors, context: StepContext): object;
  /** Whether its loss supports `labelSmoothing`: true for heads that choose one of several classes. */
  readonly smoothsLabels?: boolean;
  /** Matrices of which a forward pass reads only some rows, by name, with the indices of those rows; the others have no gradient. Default: none. */
  rowsRead?(inputs: StepTensors): ReadonlyMap<string, tf.Tensor>;
  /** Converts inputs to checked arrays for `compute`, and returns their number of examples. @throws ShapeError */
  prepareArrays(inputs: StepInputs): { arrays: Record<string, RawTensor>; exampleCount: number };
  /** Parameters by transformers' name; a tied parameter appears once. */
  namedParameters(): Map<string, tf.Variable>;
  /** Gives the parameters to a step, or (null) takes them back. Meanwhile `forward` throws, and reading goes through `lendParameters`. */
  holdParameters(holder: { lendParameters<T>(use: (read: ReadTensor) => Promise<T>): Promise<T> } | null): void;
}

/** The parameters of a model. @throws ConfigError for anything but a model */
export function parametersOf(model: TrainableModel): Map<string, tf.Variable> {
  const { namedParameters } = (model ?? {}) as Partial<TrainableModel>;
  if (typeof namedParameters !== 'function')
    throw new ConfigError(
      'createTrainingStep: expected a model with namedParameters(), such as VisualBertForQuestionAnswering',
    );
  return model.namedParameters();
}
