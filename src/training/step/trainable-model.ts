// The interface of a model that a training step requires, independent of architectures.
import type * as tf from '@tensorflow/tfjs';
import type { Tensors } from '../../raw-tensor.js';
import { ConfigError } from '../../errors.js';
import type { RunnableModel } from '../../inference/runnable-model.js';
import type { ParameterHolder } from '../../models/contract.js';

export interface TrainableModel extends RunnableModel {
  /** Whether its loss supports `labelSmoothing`: true for heads that choose one of several classes. */
  readonly smoothsLabels?: boolean;
  /** Matrices of which a forward pass reads only some rows, by name, with the indices of those rows; the others have no gradient. Default: none. */
  rowsRead?(inputs: Tensors): ReadonlyMap<string, tf.Tensor>;
  /** Gives the parameters to a step, or (null) takes them back. Meanwhile `forward` throws, and reading goes through `lendParameters`. */
  holdParameters(holder: ParameterHolder | null): void;
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
