// What a model is called with, and how tensors, raw arrays and nested lists become checked tensors.
import * as tf from '@tensorflow/tfjs';
import { ShapeError } from '../errors.js';
import type { RawTensor } from '../raw-tensor.js';

/** A tensor in any form: of tfjs (never disposed here), raw, or nested lists of numbers. int64 may come as BigInt64Array. */
export type InputValue = tf.Tensor | RawTensor | { shape: number[]; data: BigInt64Array } | tf.TensorLike;

/**
 * Inputs by name; which of them a class takes and which it needs is said by its `forward`.
 * b batch, t text tokens, v regions, s = t + v. Ids are int32; masks are 1 = attend in any dtype.
 * VisualBertForMultipleChoice takes its inputs with an axis of choices after b.
 */
export interface ModelInputs {
  /** `[b, t]`, below vocabSize. */
  inputIds?: InputValue;
  /** `[b, t]`; default ones. */
  attentionMask?: InputValue;
  /** `[b, t]`, below typeVocabSize; default zeros. */
  tokenTypeIds?: InputValue;
  /** `[b, t]`, below maxPositionEmbeddings; default 0 to t - 1. */
  positionIds?: InputValue;
  /** `[n]`, `[layers, n]` or `[layers, b, n, s, s]` (sizes of 1 are repeated): factors of the attention probabilities. */
  headMask?: InputValue;
  /** `[b, t, h]` in place of inputIds. */
  inputsEmbeds?: InputValue;
  /** `[b, v, visualEmbeddingDim]` region features. */
  visualEmbeds?: InputValue;
  /** `[b, v]`; default ones. */
  visualAttentionMask?: InputValue;
  /** `[b, v]`, below typeVocabSize; default ones, as in transformers (the authors use zeros for all tasks but NLVR2). */
  visualTokenTypeIds?: InputValue;
  /** `[b, v or more, a]`: text positions of each region, -1 for none. */
  imageTextAlignment?: InputValue;
  /** What the head compares itself with; makes `loss`. */
  labels?: InputValue;
  /** `[b]`: pre-training only, 0 or 1. */
  sentenceImageLabels?: InputValue;
  /** `[b, p]`: region-to-phrase alignment only, the text position of each phrase, -1 for none. */
  regionToPhrasePosition?: InputValue;
  /** `[b, k]`: pre-training only, the positions to predict, -100 for a place that is not used; `labels` are then `[b, k]`. */
  maskedPositions?: InputValue;
  /** Scalar: real examples in a padded batch, by which losses over the batch divide. */
  exampleCount?: InputValue;
  outputAttentions?: boolean;
  outputHiddenStates?: boolean;
  /** false: an array in the order of transformers instead of an object. */
  returnDict?: boolean;
}

/** The tensor inputs, as `compute` takes them. */
export type TensorInputs = {
  [K in Exclude<keyof ModelInputs, 'outputAttentions' | 'outputHiddenStates' | 'returnDict'>]?: tf.Tensor;
};

/** What an input must look like. */
export interface InputSpec {
  /**
   * One entry per axis: a size, a letter that must mean the same size in all inputs, `*` for any size; `b|1` also takes 1.
   * null: checked elsewhere.
   */
  axes: readonly (number | string)[] | null;
  kind: 'ids' | 'mask' | 'values';
  /** Allowed values of `ids`: from the first to below the second. */
  range?: readonly [number, number];
  /** One more value of `ids`, for what takes no part. */
  ignored?: number;
  /** What to do about a wrong shape. */
  advice?: string;
}

export type InputSpecs = { [K in keyof TensorInputs]?: InputSpec };

/** Converts and checks the inputs of `who`. Tensors of the caller are passed on as they are; new ones belong to the surrounding tidy. */
export function prepareInputs(who: string, inputs: ModelInputs, specs: InputSpecs): TensorInputs {
  const sizes = new Map<string, number>();
  const prepared: TensorInputs = {};
  const flags = ['outputAttentions', 'outputHiddenStates', 'returnDict'];
  for (const [name, value] of Object.entries(inputs)) {
    if (value !== undefined && value !== null && !(name in specs) && !flags.includes(name)) {
      throw new ShapeError(`${who}: unknown input ${name}; its inputs are ${Object.keys(specs).join(', ')}`);
    }
  }
  for (const [key, spec] of Object.entries(specs)) {
    const name = key as keyof TensorInputs;
    const value = inputs[name];
    if (value === undefined || value === null) continue;
    const tensor = toTensor(`${who}: ${name}`, value, spec.kind);
    requireShape(who, name, tensor.shape, spec, sizes);
    requireRange(`${who}: ${name}`, value, tensor, spec);
    prepared[name] = tensor;
  }
  return prepared;
}

function isRaw(value: InputValue): value is Exclude<InputValue, tf.Tensor | tf.TensorLike> {
  return typeof value === 'object' && 'shape' in value && 'data' in value && !(value instanceof tf.Tensor);
}

function toTensor(what: string, value: InputValue, kind: InputSpec['kind']): tf.Tensor {
  const wanted = kind === 'ids' ? 'int32' : 'float32';
  if (value instanceof tf.Tensor) return requireDType(what, value, kind);
  if (!isRaw(value)) return tf.tensor(value, undefined, wanted);
  if (value.data instanceof BigInt64Array) return tf.tensor(narrowed(what, value.data), value.shape, 'int32');
  return requireDType(what, tf.tensor(value.data as tf.TypedArray, value.shape, (value as RawTensor).dtype), kind);
}

function requireDType(what: string, tensor: tf.Tensor, kind: InputSpec['kind']): tf.Tensor {
  const allowed = { ids: ['int32'], mask: ['bool', 'int32', 'float32'], values: ['float32'] }[kind];
  if (allowed.includes(tensor.dtype)) return tensor;
  throw new ShapeError(`${what}: expected ${allowed.join(' or ')}, received ${tensor.dtype}; convert it with tf.cast`);
}

function narrowed(what: string, values: BigInt64Array): Int32Array {
  return Int32Array.from(values, (value) => {
    const narrow = Number(value);
    if (narrow !== (narrow | 0)) throw new ShapeError(`${what}: the value ${value} does not fit into int32`);
    return narrow;
  });
}

function requireShape(
  who: string,
  name: string,
  shape: readonly number[],
  { axes, advice }: InputSpec,
  sizes: Map<string, number>,
): void {
  if (axes === null) return;
  const isRank = shape.length === axes.length;
  const fits = axes.map((axis, i) => {
    const size = isRank ? shape[i] : undefined;
    if (typeof axis === 'number') return size === axis;
    if (axis === '*' || (axis.endsWith('|1') && size === 1)) return true;
    const letter = axis.replace('|1', '');
    if (!sizes.has(letter) && size !== undefined) sizes.set(letter, size);
    return size === sizes.get(letter);
  });
  if (isRank && fits.every(Boolean)) return;
  const expected = axes.map((axis) => (typeof axis === 'number' ? axis : (sizes.get(axis.replace('|1', '')) ?? axis)));
  const legend = axes.some((axis) => typeof axis === 'string') ? ` (axes ${axes.join(', ')})` : '';
  throw new ShapeError(
    `${who}: expected ${name} [${expected.join(', ')}]${legend}, received [${shape.join(', ')}]; ${advice ?? 'make it fit the other inputs'}`,
  );
}

/** Reads ids to check them: from the caller's array where there is one, so that no device is asked. */
function requireRange(what: string, value: InputValue, tensor: tf.Tensor, { range, ignored }: InputSpec): void {
  if (range === undefined) return;
  const [low, high] = range;
  const values = isRaw(value) && !(value.data instanceof BigInt64Array) ? value.data : tensor.dataSync();
  for (const id of values) {
    if ((id >= low && id < high) || id === ignored) continue;
    const allowed = Number.isFinite(high) ? `values from ${low} to ${high - 1}` : `values of at least ${low}`;
    const none = ignored === undefined ? '' : ` (${ignored} for none)`;
    throw new ShapeError(`${what}: expected ${allowed}${none}, received ${id}`);
  }
}
