// Specifications of the inputs that all classes share, and checks used by several classes.
import type { VisualBertConfig } from '../../config/config.js';
import { ShapeError } from '../../errors.js';
import type { CheckedInput } from './checked-input.js';
import type { CheckedInputs, InputSpecs } from './inputs.js';

/**
 * Text and region inputs with leading axes `lead`: `['b']`, or `['b', 'choices']` for multiple choice.
 * The text length is bounded by the position table unless positions are given.
 */
export function sharedSpecs(config: VisualBertConfig, lead: readonly string[] = ['b']): InputSpecs {
  const { vocabSize, hiddenSize, typeVocabSize, maxPositionEmbeddings, visualEmbeddingDim } = config;
  const wider = `set visualEmbeddingDim to the width of the features (2048 for VQA, 1024 NLVR2, 512 VCR, 2054 Flickr30k)`;
  return {
    inputIds: { axes: [...lead, 't'], kind: 'ids', range: [0, vocabSize] },
    inputsEmbeds: { axes: [...lead, 't', hiddenSize], kind: 'values' },
    attentionMask: { axes: [...lead, 't'], kind: 'mask' },
    tokenTypeIds: { axes: [...lead, 't'], kind: 'ids', range: [0, typeVocabSize] },
    positionIds: {
      axes: [...lead.map((letter) => `${letter}|1`), 't'],
      kind: 'ids',
      range: [0, maxPositionEmbeddings],
    },
    headMask: { axes: null, kind: 'mask' },
    visualEmbeds: { axes: [...lead, 'v', visualEmbeddingDim], kind: 'values', advice: wider },
    visualAttentionMask: { axes: [...lead, 'v'], kind: 'mask' },
    visualTokenTypeIds: { axes: [...lead, 'v'], kind: 'ids', range: [0, typeVocabSize] },
    imageTextAlignment: { axes: [...lead, '*', 'a'], kind: 'ids', range: [-1, maxPositionEmbeddings] },
    exampleCount: { axes: [], kind: 'values' },
  };
}

/** Checks text and regions together. @throws ShapeError */
export function requireSequence(who: string, inputs: CheckedInputs, { maxPositionEmbeddings }: VisualBertConfig): void {
  const { inputIds, inputsEmbeds, positionIds, visualEmbeds, imageTextAlignment } = inputs;
  if ((inputIds === undefined) === (inputsEmbeds === undefined)) {
    const received = inputIds === undefined ? 'neither' : 'both';
    throw new ShapeError(`${who}: expected inputIds or inputsEmbeds, received ${received}; pass exactly one of them`);
  }
  if ((inputIds ?? inputsEmbeds)?.shape[0] === 0) {
    throw new ShapeError(`${who}: expected at least one example, received an empty batch; leave it out`);
  }
  const t = inputIds?.shape.at(-1) ?? inputsEmbeds?.shape.at(-2) ?? 0;
  if (t > maxPositionEmbeddings && positionIds === undefined) {
    throw new ShapeError(
      `${who}: expected at most ${maxPositionEmbeddings} text tokens, received ${t}; truncate the text or raise maxPositionEmbeddings`,
    );
  }
  const [v = 0, rows = v] = [visualEmbeds?.shape.at(-2), imageTextAlignment?.shape.at(-2)];
  if (rows < v) {
    throw new ShapeError(
      `${who}: expected imageTextAlignment with a row for each of the ${v} regions, received ${rows}; pad it with -1`,
    );
  }
}

/** Checks positions in a sequence of `length` tokens and regions. @throws ShapeError naming the highest if it is out of range */
export function requirePositions(who: string, name: string, positions: CheckedInput, length: number): void {
  const highest = highestOf(positions);
  if (highest < length) return;
  throw new ShapeError(
    `${who}: expected ${name} below ${length}, received ${highest}; give positions inside the sequence`,
  );
}

/** The highest of the values; -Infinity when there are none. */
export function highestOf({ values }: CheckedInput): number {
  let highest = -Infinity;
  for (const value of values) highest = Math.max(highest, value);
  return highest;
}
