// Inputs of a model by name, and their checks against the form that a class requires.
import type * as tf from '@tensorflow/tfjs';
import { ShapeError } from '../../errors.js';
import { defined } from '../../options.js';
import { CheckedInput, type InputKind, type InputValue } from './checked-input.js';

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
  /** Scalar: real examples in a padded batch, by which losses over the batch divide. Labels of those after them must be ignored ones; their outputs mean nothing. */
  exampleCount?: InputValue;
  outputAttentions?: boolean;
  outputHiddenStates?: boolean;
  /** false: returns an array in the order of transformers instead of an object. */
  returnDict?: boolean;
}

/** Which lists of outputs a forward pass returns. */
export type OutputFlags = Pick<ModelInputs, 'outputAttentions' | 'outputHiddenStates'>;

/** The flags among the inputs that are set. */
export function outputFlags({ outputAttentions, outputHiddenStates }: OutputFlags): OutputFlags {
  return defined({ outputAttentions, outputHiddenStates });
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
  kind: InputKind;
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
    const input = CheckedInput.of(`${who}: ${name}`, value, spec.kind);
    requireShape(who, name, input.shape, spec, sizes);
    requireRange(`${who}: ${name}`, input, spec);
    if (spec.isScore === true) requireScores(`${who}: ${name}`, input);
    checked[name] = input;
  }
  return checked;
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
