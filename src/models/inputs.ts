// Inputs of a model: tensors, raw arrays and nested lists are checked and become tensors or arrays.
import * as tf from '@tensorflow/tfjs';
import { errorMessage, ShapeError } from '../errors.js';
import { warnOnce } from '../logger.js';
import { type RawTensor, rawTensorProblem } from '../raw-tensor.js';

/** A tensor in any form: of tfjs (never disposed here), raw, or nested lists of numbers. int64 may come as BigInt64Array. */
export type InputValue = tf.Tensor | RawTensor | { shape: number[]; data: BigInt64Array } | tf.TensorLike;

/**
 * Inputs by name; each class documents which it accepts and requires.
 * b batch, t text tokens, v regions, s = t + v. Ids are int32; masks are 1 = attend in any dtype.
 * Inputs of VisualBertForMultipleChoice have an axis of choices after b.
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
  /** `[b, t, h]` instead of inputIds. */
  inputsEmbeds?: InputValue;
  /** `[b, v, visualEmbeddingDim]` region features. */
  visualEmbeds?: InputValue;
  /** `[b, v]`; default ones. */
  visualAttentionMask?: InputValue;
  /** `[b, v]`, below typeVocabSize; default ones, as in transformers (the authors use zeros for all tasks but NLVR2). */
  visualTokenTypeIds?: InputValue;
  /** `[b, v or more, a]`: text positions of each region, -1 for none. */
  imageTextAlignment?: InputValue;
  /** The targets of the head, for `loss`. */
  labels?: InputValue;
  /** `[b]`: pre-training only, 0 or 1. */
  sentenceImageLabels?: InputValue;
  /** `[b, p]`: region-to-phrase alignment only, the text position of each phrase, -1 for none. */
  regionToPhrasePosition?: InputValue;
  /** `[b, k]`: pre-training only, the positions to predict, -100 for an unused one; `labels` are then `[b, k]`. */
  maskedPositions?: InputValue;
  /** Scalar: real examples in a padded batch, by which losses over the batch divide. */
  exampleCount?: InputValue;
  outputAttentions?: boolean;
  outputHiddenStates?: boolean;
  /** false: returns an array in the order of transformers instead of an object. */
  returnDict?: boolean;
}

/** The tensor inputs of `compute`. */
export type TensorInputs = {
  [K in Exclude<keyof ModelInputs, 'outputAttentions' | 'outputHiddenStates' | 'returnDict'>]?: tf.Tensor;
};

/** The required form of an input. */
export interface InputSpec {
  /**
   * One entry per axis: a size, a letter that must mean the same size in all inputs, `*` for any size; `b|1` also accepts 1.
   * null: checked elsewhere.
   */
  axes: readonly (number | string)[] | null;
  kind: 'ids' | 'mask' | 'values';
  /** Allowed values of `ids`: from the first to below the second. */
  range?: readonly [number, number];
  /** One more value of `ids`, which is ignored. */
  ignored?: number;
  /** `values` that are scores: a denormal number is rejected, since it is an integer read as a float. */
  isScore?: boolean;
  /** Remedy for a wrong shape, for errors. */
  advice?: string;
}

export type InputSpecs = { [K in keyof TensorInputs]?: InputSpec };

/** An input that has passed its own checks. It is used in checks of several inputs, and becomes a tensor or an array. */
export class CheckedInput {
  constructor(private readonly given: tf.Tensor | RawTensor) {}

  get shape(): readonly number[] {
    return this.given.shape;
  }

  /** Row-major. Reading those of a tensor waits for its backend. */
  get values(): RawTensor['data'] {
    return this.given instanceof tf.Tensor ? (this.given.dataSync() as RawTensor['data']) : this.given.data;
  }

  /**
   * Calls `check` with the values: immediately, or, for tensors on WebGPU, which can only be read asynchronously, later. An error is then
   * logged as a warning, since the outputs already exist.
   */
  checkValues(check: (values: RawTensor['data']) => void): void {
    const { given } = this;
    if (!(given instanceof tf.Tensor) || tf.getBackend() !== 'webgpu') return check(this.values);
    const copy = tf.keep(tf.clone(given));
    void copy
      .data()
      .then((values) => check(values as RawTensor['data']))
      .catch((error: unknown) => warnOnce(`${errorMessage(error)}; the outputs of that call are wrong`))
      .finally(() => copy.dispose());
  }

  /** The caller's own tensor, or a new one that belongs to the surrounding tidy. */
  toTensor(): tf.Tensor {
    if (this.given instanceof tf.Tensor) return this.given;
    return tf.tensor(this.given.data, this.given.shape, this.given.dtype);
  }

  /** The caller's own array, or the values of a tensor. */
  toArray(): RawTensor {
    if (!(this.given instanceof tf.Tensor)) return this.given;
    return { dtype: this.given.dtype as RawTensor['dtype'], shape: [...this.given.shape], data: this.values };
  }
}

/** The checked inputs, before conversion to tensors. */
export type CheckedInputs = { [K in keyof TensorInputs]?: CheckedInput };

/** Checks the names, dtypes, shapes and ranges of the inputs of `who`. @throws ShapeError */
export function checkInputs(who: string, inputs: ModelInputs, specs: InputSpecs): CheckedInputs {
  if (typeof inputs !== 'object' || inputs === null || Array.isArray(inputs)) {
    const received = Array.isArray(inputs) ? 'a list' : String(inputs);
    throw new ShapeError(`${who}: expected inputs by name, such as { inputIds, visualEmbeds }, received ${received}`);
  }
  const sizes = new Map<string, number>();
  const checked: CheckedInputs = {};
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
    const input = new CheckedInput(convert(`${who}: ${name}`, value, spec.kind));
    requireShape(who, name, input.shape, spec, sizes);
    requireRange(`${who}: ${name}`, input, spec);
    if (spec.isScore === true) requireScores(`${who}: ${name}`, input);
    checked[name] = input;
  }
  return checked;
}

function isRaw(value: InputValue): value is Exclude<InputValue, tf.Tensor | tf.TensorLike> {
  return (
    typeof value === 'object' && value !== null && 'shape' in value && 'data' in value && !(value instanceof tf.Tensor)
  );
}

function convert(what: string, value: InputValue, kind: InputSpec['kind']): tf.Tensor | RawTensor {
  if (value instanceof tf.Tensor) {
    if (value.isDisposed) throw new ShapeError(`${what}: the tensor was disposed; keep it until the model has run`);
    return requireDType(what, value, kind);
  }
  if (!isRaw(value)) return fromList(what, value, kind === 'ids' ? 'int32' : 'float32');
  const { shape, data } = value;
  const raw =
    data instanceof BigInt64Array
      ? { dtype: 'int32' as const, shape, data: narrowed(what, data) }
      : (value as RawTensor);
  const problem = rawTensorProblem(raw);
  if (problem !== null) throw new ShapeError(`${what}: ${problem}`);
  return requireDType(what, raw, kind);
}

/** Nested lists of numbers, converted as tfjs does. */
function fromList(what: string, value: tf.TensorLike, dtype: 'int32' | 'float32'): RawTensor {
  const wrong = [value].flat(Infinity as 1).find((leaf) => !isNumeric(leaf, dtype));
  if (wrong !== undefined) {
    const wanted = dtype === 'int32' ? 'whole numbers' : 'numbers';
    throw new ShapeError(`${what}: expected lists of ${wanted}, received ${String(wrong).slice(0, 40)} among them`);
  }
  try {
    return tf.tidy(() => {
      const tensor = tf.tensor(value, undefined, dtype);
      return new CheckedInput(tensor).toArray() as unknown as tf.TensorContainer;
    }) as unknown as RawTensor;
  } catch (error) {
    throw new ShapeError(
      `${what}: expected a tensor, { dtype, shape, data } or lists of numbers of one length (${errorMessage(error).slice(0, 200)})`,
    );
  }
}

/** Whether a leaf of nested lists is a number, or a typed array of them; tfjs would make 0 of text and of null. */
function isNumeric(leaf: unknown, dtype: 'int32' | 'float32'): boolean {
  if (ArrayBuffer.isView(leaf)) return dtype === 'float32' || Array.from(leaf as Float32Array).every(Number.isInteger);
  if (dtype === 'float32') return typeof leaf === 'number' || typeof leaf === 'boolean';
  return Number.isInteger(leaf);
}

function requireDType<T extends tf.Tensor | RawTensor>(what: string, input: T, kind: InputSpec['kind']): T {
  const allowed = { ids: ['int32'], mask: ['bool', 'int32', 'float32'], values: ['float32'] }[kind];
  if (allowed.includes(input.dtype)) return input;
  throw new ShapeError(`${what}: expected ${allowed.join(' or ')}, received ${input.dtype}; convert it with tf.cast`);
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
    `${who}: expected ${name} [${expected.join(', ')}]${legend}, received [${shape.join(', ')}]; ${advice ?? 'make it match the other inputs'}`,
  );
}

/** Smaller float32 values are denormal, like the bits of small integers. */
const LEAST_NORMAL = 2 ** -126;

function requireScores(what: string, input: CheckedInput): void {
  input.checkValues((values) => {
    const wrong = values.find((value) => value !== 0 && Math.abs(value) < LEAST_NORMAL);
    if (wrong === undefined) return;
    throw new ShapeError(
      `${what}: received ${wrong}, which is an integer read as a float; tf.oneHot with dtype float32 makes such values on ` +
        "WebAssembly: write tf.cast(tf.oneHot(...), 'float32')",
    );
  });
}

function requireRange(what: string, input: CheckedInput, { range, ignored }: InputSpec): void {
  if (range === undefined) return;
  const [low, high] = range;
  input.checkValues((values) => {
    for (const id of values) {
      if ((id >= low && id < high) || id === ignored) continue;
      const allowed = Number.isFinite(high) ? `values from ${low} to ${high - 1}` : `values of at least ${low}`;
      const none = ignored === undefined ? '' : ` (${ignored} for none)`;
      throw new ShapeError(`${what}: expected ${allowed}${none}, received ${id}`);
    }
  });
}
