// Inputs and outputs of a step as raw arrays, whatever form they came in.
import * as tf from '@tensorflow/tfjs';
import type { ModelInputs } from '../../models/inputs.js';
import { type RawTensor, rawTensorProblem } from '../../raw-tensor.js';
import { type StepInputs, type StepOutputs, type StepTensors, type TrainableModel } from './trainable-model.js';

/** Arrays by name. */
export type RawTensors = Record<string, RawTensor>;

/** Which lists of outputs a forward pass gives. */
export interface OutputFlags {
  outputAttentions?: boolean;
  outputHiddenStates?: boolean;
}

/**
 * Checks inputs as the model's `forward` does, and gives them as arrays; those that came as arrays are not copied.
 * @throws ShapeError for an input that the model cannot use
 */
export function toRawInputs(model: TrainableModel, inputs: StepInputs): RawTensors {
  const raw: RawTensors = {};
  tf.tidy(() => {
    for (const [name, tensor] of Object.entries(model.prepare(inputs as ModelInputs) as StepTensors)) {
      raw[name] = rawOf(tensor, (inputs as Record<string, unknown>)[name]);
    }
  });
  return raw;
}

function rawOf(prepared: tf.Tensor, given: unknown): RawTensor {
  if (rawTensorProblem(given) === null && (given as RawTensor).dtype === prepared.dtype) return given as RawTensor;
  return {
    dtype: prepared.dtype as RawTensor['dtype'],
    shape: [...prepared.shape],
    data: prepared.dataSync() as RawTensor['data'],
  };
}

/** The flags among the inputs. */
export function outputFlags(inputs: StepInputs): OutputFlags {
  const { outputAttentions, outputHiddenStates } = inputs as ModelInputs;
  return {
    ...(outputAttentions === undefined ? {} : { outputAttentions }),
    ...(outputHiddenStates === undefined ? {} : { outputHiddenStates }),
  };
}

/** The values of a tensor with its shape. */
export async function readRaw(tensor: tf.Tensor): Promise<RawTensor> {
  const data = (await tensor.data()) as RawTensor['data'];
  return { dtype: tensor.dtype as RawTensor['dtype'], shape: [...tensor.shape], data };
}

/** Tensors of raw inputs, owned by the caller. */
export function toTensors(raw: RawTensors): StepTensors {
  return Object.fromEntries(
    Object.entries(raw).map(([name, { data, shape, dtype }]) => [name, tf.tensor(data, shape, dtype)]),
  );
}

/** A float32 scalar. */
export function rawScalar(value: number): RawTensor {
  return { dtype: 'float32', shape: [], data: Float32Array.of(value) };
}

/** Examples in a batch: its `exampleCount`, else the length of the first axis of any input. */
export function exampleCount(inputs: RawTensors): number {
  return inputs['exampleCount']?.data[0] ?? Object.values(inputs)[0]?.shape[0] ?? 0;
}

/** Outputs as one flat record: lists become `hiddenStates.0`, `hiddenStates.1` and so on. */
export function flattenOutputs(outputs: object): StepTensors {
  const flat: StepTensors = {};
  for (const [name, value] of Object.entries(outputs as StepOutputs)) {
    if (Array.isArray(value)) value.forEach((tensor: tf.Tensor, index) => (flat[`${name}.${index}`] = tensor));
    else if (value !== undefined) flat[name] = value as tf.Tensor;
  }
  return flat;
}

/** Tensors of flat raw outputs, lists put together again. The caller owns them. */
export function toOutputs(raw: RawTensors): StepOutputs {
  const outputs: Record<string, tf.Tensor | tf.Tensor[]> = {};
  for (const [name, tensor] of Object.entries(toTensors(raw))) {
    const [, list, index] = /^(.*)\.(\d+)$/.exec(name) ?? [];
    if (list === undefined) outputs[name] = tensor;
    else ((outputs[list] ??= []) as tf.Tensor[])[Number(index)] = tensor;
  }
  return outputs as StepOutputs;
}
