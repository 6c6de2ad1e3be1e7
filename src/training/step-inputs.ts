// Inputs of a step: tensors, or raw arrays as collators make them.
import * as tf from '@tensorflow/tfjs';
import { ShapeError } from '../errors.js';
import { type RawTensor } from '../raw-tensor.js';
import { type StepOutputs, type StepTensors } from './trainable-model.js';

/** A raw array of ids as files hold them: range-checked into int32. */
export interface RawInt64 {
  dtype: 'int64';
  shape: number[];
  data: BigInt64Array;
}

/** Inputs by camelCase name. Tensors stay the caller's. */
export type StepInputs = Record<string, tf.Tensor | RawTensor | RawInt64 | null | undefined>;

/** Inputs as raw arrays; tensors are read. @throws ShapeError for an id outside int32, or an array that does not fill its shape. */
export async function toRawInputs(inputs: StepInputs): Promise<Record<string, RawTensor>> {
  const raw: Record<string, RawTensor> = {};
  for (const [name, value] of Object.entries(inputs)) {
    if (value === null || value === undefined) continue;
    raw[name] = value instanceof tf.Tensor ? await readRaw(value) : checked(name, value);
  }
  return raw;
}

/** The values of a tensor with its shape. */
export async function readRaw(tensor: tf.Tensor): Promise<RawTensor> {
  const data = (await tensor.data()) as RawTensor['data'];
  return { dtype: tensor.dtype as RawTensor['dtype'], shape: [...tensor.shape], data };
}

/** Tensors of raw inputs, owned by the caller. */
export function toTensors(raw: Record<string, RawTensor>): StepTensors {
  return Object.fromEntries(
    Object.entries(raw).map(([name, { data, shape, dtype }]) => [name, tf.tensor(data, shape, dtype)]),
  );
}

function checked(name: string, value: RawTensor | RawInt64): RawTensor {
  const size = value.shape.reduce((product, n) => product * n, 1);
  if (value.data.length !== size) {
    throw new ShapeError(
      `${name}: expected ${size} values for shape [${value.shape.join(', ')}], received ${value.data.length}`,
    );
  }
  if (value.dtype !== 'int64') return value;
  const data = new Int32Array(size);
  value.data.forEach((id, index) => {
    if (id !== BigInt.asIntN(32, id)) {
      throw new ShapeError(`${name}: expected ids that fit into int32, received ${id} at position ${index}`);
    }
    data[index] = Number(id);
  });
  return { dtype: 'int32', shape: value.shape, data };
}

/** A float32 scalar. */
export function rawScalar(value: number): RawTensor {
  return { dtype: 'float32', shape: [], data: Float32Array.of(value) };
}

/** Examples in a batch: its `exampleCount`, else the length of the first axis of any input. */
export function exampleCount(inputs: Record<string, RawTensor>): number {
  return inputs['exampleCount']?.data[0] ?? Object.values(inputs)[0]?.shape[0] ?? 0;
}

/** Outputs as one flat record: lists become `hiddenStates.0`, `hiddenStates.1` and so on. */
export function flattenOutputs(outputs: StepOutputs): StepTensors {
  const flat: StepTensors = {};
  for (const [name, value] of Object.entries(outputs)) {
    if (value instanceof tf.Tensor) flat[name] = value;
    else value?.forEach((tensor, index) => (flat[`${name}.${index}`] = tensor));
  }
  return flat;
}

/** Tensors of flat raw outputs, lists put together again. The caller owns them. */
export function toOutputs(raw: Record<string, RawTensor>): StepOutputs {
  const outputs: Record<string, tf.Tensor | tf.Tensor[]> = {};
  for (const [name, tensor] of Object.entries(toTensors(raw))) {
    const [, list, index] = /^(.*)\.(\d+)$/.exec(name) ?? [];
    if (list === undefined) outputs[name] = tensor;
    else ((outputs[list] ??= []) as tf.Tensor[])[Number(index)] = tensor;
  }
  return outputs;
}
