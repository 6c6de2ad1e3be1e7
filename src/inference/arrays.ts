// Inputs and outputs of a model as arrays and as tensors.
import { tf } from '#tf';
import type { ModelOutputs } from '../models/outputs.js';
import { RAW_ARRAYS, type RawTensor, type RawTensors } from '../raw-tensor.js';
import type { Tensors } from '../raw-tensor.js';
import type { InputValues, OutputTensors } from './runnable-model.js';

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

/** The outputs of a model that are lists, with a tensor for each layer. */
const LIST_OUTPUTS = ['hiddenStates', 'attentions'] as const satisfies readonly (keyof ModelOutputs)[];

/** A list of tensors by flat names: `attentions` becomes `attentions.0`, `attentions.1` and so on. */
export function flattenList(name: string, tensors: readonly tf.Tensor[]): Tensors {
  return Object.fromEntries(tensors.map((tensor, index) => [`${name}.${index}`, tensor]));
}

/** The list that `flattenList` made flat; empty if it is absent. */
export function listOf<T>(flat: Readonly<Record<string, T>>, name: string): T[] {
  const list: T[] = [];
  for (let item = flat[`${name}.0`]; item !== undefined; item = flat[`${name}.${list.length}`]) list.push(item);
  return list;
}

/** Outputs by flat names. */
export function flattenOutputs(outputs: object): Tensors {
  const { hiddenStates = [], attentions = [], ...tensors } = outputs as ModelOutputs;
  const present = Object.entries(tensors).filter(([, tensor]) => tensor !== undefined);
  return {
    ...(Object.fromEntries(present) as Tensors),
    ...flattenList('hiddenStates', hiddenStates),
    ...flattenList('attentions', attentions),
  };
}

/** Tensors of flat raw outputs, with lists restored. The caller owns them. */
export function toOutputs(raw: RawTensors): OutputTensors {
  const tensors = toTensors(raw);
  const lists = LIST_OUTPUTS.map((name) => [name, listOf(tensors, name)] as const).filter(
    ([, list]) => list.length > 0,
  );
  const listed = new Set(lists.flatMap(([, list]) => list));
  const single = Object.entries(tensors).filter(([, tensor]) => !listed.has(tensor));
  return Object.fromEntries([...single, ...lists]);
}
