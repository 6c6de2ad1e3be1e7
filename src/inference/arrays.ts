// Inputs and outputs of a model as arrays and as tensors.
import * as tf from '@tensorflow/tfjs';
import type { ModelInputs } from '../models/inputs/inputs.js';
import { RAW_ARRAYS, type RawTensor, type RawTensors } from '../raw-tensor.js';
import type { Tensors } from '../raw-tensor.js';
import type { InputValues, OutputTensors } from './runnable-model.js';

/** Which lists of outputs a forward pass returns. */
export interface OutputFlags {
  outputAttentions?: boolean;
  outputHiddenStates?: boolean;
}

/** The flags among the inputs. */
export function outputFlags(inputs: InputValues): OutputFlags {
  const { outputAttentions, outputHiddenStates } = inputs as ModelInputs;
  return {
    ...(outputAttentions === undefined ? {} : { outputAttentions }),
    ...(outputHiddenStates === undefined ? {} : { outputHiddenStates }),
  };
}

/** The values of a tensor with its shape. */
export async function readRaw(tensor: tf.Tensor): Promise<RawTensor> {
  const dtype = tensor.dtype as RawTensor['dtype'];
  const data = (await tensor.data()) as RawTensor['data'];
  const Values = RAW_ARRAYS[dtype];
  // WebGPU returns integers for a tensor that was cast to float32
  return { dtype, shape: [...tensor.shape], data: data instanceof Values ? data : Values.from(data) };
}

/** Reads the tensors of inputs asynchronously, so that the device is not blocked. Disposed ones remain, for the model's error. */
export async function readInputs(inputs: InputValues): Promise<InputValues> {
  if (typeof inputs !== 'object' || inputs === null) return inputs; // the model throws the error
  const isRead = (value: unknown): value is tf.Tensor => value instanceof tf.Tensor && !value.isDisposed;
  const entries = Object.entries(inputs).map(async ([name, value]) => [
    name,
    isRead(value) ? await readRaw(value) : value,
  ]);
  return Object.fromEntries(await Promise.all(entries)) as InputValues;
}

/** Tensors of raw inputs, owned by the caller. */
export function toTensors(raw: RawTensors): Tensors {
  return Object.fromEntries(
    Object.entries(raw).map(([name, { data, shape, dtype }]) => [name, tf.tensor(data, shape, dtype)]),
  );
}

/** A float32 scalar. */
export function rawScalar(value: number): RawTensor {
  return { dtype: 'float32', shape: [], data: Float32Array.of(value) };
}

/** Outputs by flat names: lists become `hiddenStates.0`, `hiddenStates.1` and so on. */
export function flattenOutputs(outputs: object): Tensors {
  const flat: Tensors = {};
  for (const [name, value] of Object.entries(outputs as OutputTensors)) {
    if (Array.isArray(value)) value.forEach((tensor: tf.Tensor, index) => (flat[`${name}.${index}`] = tensor));
    else if (value !== undefined) flat[name] = value as tf.Tensor;
  }
  return flat;
}

/** Tensors of flat raw outputs, with lists restored. The caller owns them. */
export function toOutputs(raw: RawTensors): OutputTensors {
  const outputs: Record<string, tf.Tensor | tf.Tensor[]> = {};
  for (const [name, tensor] of Object.entries(toTensors(raw))) {
    const [, list, index] = /^(.*)\.(\d+)$/.exec(name) ?? [];
    if (list === undefined) outputs[name] = tensor;
    else ((outputs[list] ??= []) as tf.Tensor[])[Number(index)] = tensor;
  }
  return outputs as OutputTensors;
}
