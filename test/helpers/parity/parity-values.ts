// The values of a fixture's model on the current backend, in Node and in browsers: outputs, gradients, and AdamW steps.
import * as tf from '@tensorflow/tfjs';
import type { ModelInputs } from '../../../src/models/inputs/inputs.js';
import type { ModelOutputs } from '../../../src/models/outputs.js';
import type { VisualBertPreTrainedModel } from '../../../src/models/pretrained-model.js';
import { valueAndGradients } from '../../../src/models/value-and-gradients.js';
import type { RawTensor } from '../../../src/raw-tensor.js';
import type { TrainingStep } from '../../../src/training/step/contract.js';
import type { TrainingStepOptions } from '../../../src/training/step/options.js';
import { type Fixture, type FixtureTraining, section } from './fixture.js';
import { inputsOf } from './fixture-model.js';

/** Values by the name of an output or parameter. */
export type Named = ReadonlyMap<string, ArrayLike<number>>;

/** A model's training: the loss of each step, and the parameters after them. */
export interface Trained {
  losses: number[];
  parameters: Named;
}

async function read(tensors: ReadonlyMap<string, tf.Tensor>): Promise<Named> {
  return new Map(await Promise.all([...tensors].map(async ([name, tensor]) => [name, await tensor.data()] as const)));
}

function flat(outputs: ModelOutputs): Map<string, tf.Tensor> {
  return new Map(
    Object.entries(outputs as Record<string, tf.Tensor | tf.Tensor[]>).flatMap(([name, value]) =>
      Array.isArray(value) ? value.map((tensor, i): [string, tf.Tensor] => [`${name}.${i}`, tensor]) : [[name, value]],
    ),
  );
}

/** The outputs by name, lists as `hiddenStates.0` and so on. */
export async function outputsOf(
  model: VisualBertPreTrainedModel,
  fixture: Fixture,
): Promise<{ shapes: Record<string, number[]>; values: Named }> {
  const outputs = flat(model.forward(inputsOf(fixture)));
  const shapes = Object.fromEntries([...outputs].map(([name, { shape }]) => [name, shape]));
  const values = await read(outputs);
  tf.dispose([...outputs.values()]);
  return { shapes, values };
}

/** Gradients of sum(output * cotangent), for cases without a loss. */
function cotangentGradients(
  model: VisualBertPreTrainedModel,
  inputs: ModelInputs,
  cotangents: ReadonlyMap<string, RawTensor>,
): Map<string, tf.Tensor> {
  const named = [...model.namedParameters()];
  const grads = tf.tidy(() => {
    const tensors = model.prepare(inputs);
    return tf.variableGrads(
      () => {
        const outputs = flat(model.compute(tensors, { training: false, dropoutKey: null }));
        const terms = [...cotangents].map(([name, { data, shape }]) =>
          tf.sum(tf.mul(outputs.get(name) as tf.Tensor, tf.tensor(data, shape))),
        );
        return tf.addN(terms) as tf.Scalar;
      },
      named.map(([, variable]) => variable),
    ).grads;
  });
  return new Map(
    named.flatMap(([name, { name: key }]): [string, tf.Tensor][] => (grads[key] ? [[name, grads[key]]] : [])),
  );
}

/** The gradients of the loss, or of the outputs with the fixture's cotangents; a parameter without one is left out. */
export async function gradientsOf(model: VisualBertPreTrainedModel, fixture: Fixture): Promise<Named> {
  const inputs = inputsOf(fixture);
  const cotangents = section(fixture, 'cotangents');
  const gradients =
    cotangents.size > 0
      ? cotangentGradients(model, inputs, cotangents)
      : (await valueAndGradients(model, inputs)).gradients;
  const values = await read(gradients);
  tf.dispose([...gradients.values()]);
  return values;
}

/** The settings by which PyTorch was trained. @throws Error for a fixture without */
export function trainingOf({ name, meta }: Fixture): FixtureTraining {
  if (meta.options.training === undefined) throw new Error(`the fixture ${name} was not trained`);
  return meta.options.training;
}

/** Trains the model as PyTorch was trained for the fixture. */
export async function trainAsFixture(
  model: VisualBertPreTrainedModel,
  fixture: Fixture,
  createStep: (options: TrainingStepOptions) => Promise<TrainingStep>,
): Promise<Trained> {
  const { steps, ...options } = trainingOf(fixture);
  const step = await createStep(options);
  const losses: number[] = [];
  const inputs = Object.fromEntries(section(fixture, 'inputs'));
  for (let i = 0; i < steps; i++) losses.push((await step.run(inputs)).loss);
  await step.dispose();
  return { losses, parameters: await read(model.namedParameters()) };
}
