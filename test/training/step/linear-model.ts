// A stand-in model whose gradients are its inputs: loss = sum over parameters of parameter * input of the same name, batch mean.
import * as tf from '@tensorflow/tfjs';
import type { TrainableModel } from '../../../src/training/step/trainable-model.js';
import type { ComputeContext } from '../../../src/models/backbone.js';
import type { Tensors } from '../../../src/raw-tensor.js';
import type { OutputTensors } from '../../../src/inference/runnable-model.js';
import { prepareArrays } from '../../helpers/array-inputs.js';

/** Inputs are `[b, ...shape]`, one per parameter; a parameter without input gets no gradient. */
export function linearModel(
  start: Record<string, { shape: number[]; values: number[] }>,
): TrainableModel & { dispose(): void } {
  const parameters = new Map(
    Object.entries(start).map(([name, { shape, values }]) => [
      name,
      tf.tidy(() => tf.variable(tf.tensor(values, shape))),
    ]),
  );
  return {
    namedParameters: () => parameters,
    prepareArrays,
    holdParameters: () => undefined,
    compute: (inputs: Tensors, _: ComputeContext): OutputTensors => ({
      loss: tf.addN(
        [...parameters].flatMap(([name, parameter]) => {
          const input = inputs[name];
          return input === undefined ? [] : [tf.sum(tf.mul(parameter, tf.mean(input, 0)))];
        }),
      ) as tf.Scalar,
    }),
    dispose: () => tf.dispose([...parameters.values()]),
  };
}
