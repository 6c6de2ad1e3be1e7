// A stand-in model whose gradients are its inputs: loss = sum over parameters of parameter * input of the same name, batch mean.
import * as tf from '@tensorflow/tfjs';
import {
  type StepContext,
  type StepOutputs,
  type StepTensors,
  type TrainableModel,
} from '../../../src/training/step/trainable-model.js';
import { prepareArrays } from '../array-inputs.js';

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
    compute: (inputs: StepTensors, _: StepContext): StepOutputs => ({
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
