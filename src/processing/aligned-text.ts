// Encodes VCR questions: names instead of tags, the regions of relevant objects, and the text positions that name each.
import { counted } from '../words.js';
import { DataError } from '../errors.js';
import { pickRegions, type RegionFeatures } from '../features/region-features.js';
import type { RawTensor } from '../raw-tensor.js';
import type { EncodedText } from './batch.js';
import { cutPair } from './cut-pair.js';
import type { VisualBertProcessor } from './processor.js';
import { nameObjects, type Naming, relevantObjects, type VcrToken, type VcrWord } from './vcr-names.js';

/** Text positions of objects: those of the word pieces that name them, or, to reproduce a bug of the authors' code, the indices of the words. */
export const ALIGNMENTS = ['pieces', 'words'] as const;
export type Alignment = (typeof ALIGNMENTS)[number];

const ALIGNMENT_BUCKETS = [1, 2, 4, 8, 16, 32];

/** A text with, for each region, the text positions that name it. */
export interface AlignedText {
  text: EncodedText;
  positions: readonly (readonly number[])[];
}

/** A question (followed by an answer, where rationales are chosen) and its choices, with tags for objects. */
export interface TaggedQuestion {
  context: readonly VcrToken[];
  choices: readonly (readonly VcrToken[])[];
  /** Kinds of the detected objects. */
  objects: readonly string[];
}

export interface TaggedQuestionOptions {
  processor: VisualBertProcessor;
  alignment: Alignment;
  names: Naming;
  /** Indices of the choices to encode; default: all. */
  chosen?: readonly number[];
}

/**
 * The question with each of its choices. The visible objects depend on all choices, so that they do not reveal the correct one.
 * @param regions the whole picture first, then each object.
 * @throws DataError when their number does not fit the objects.
 */
export async function readTaggedQuestion(
  { context, choices, objects }: TaggedQuestion,
  regions: RegionFeatures,
  { processor, alignment, names, chosen = [...choices.keys()] }: TaggedQuestionOptions,
): Promise<{ regions: RegionFeatures; choices: AlignedText[] }> {
  if (regions.count !== objects.length + 1) {
    throw new DataError(
      `expected regions of the whole picture and ${counted(objects.length, 'object')}, received ${counted(regions.count, 'region')}; give the whole picture first, then each object`,
    );
  }
  const shown = relevantObjects([context, ...choices], objects);
  const named = nameObjects(context, choices, objects, names);
  const texts = await Promise.all(
    chosen.map((choice) => encodePair(named.context, named.choices[choice] ?? [], processor, alignment)),
  );
  return {
    regions: processor.fitRegions(pickRegions(regions, [0, ...shown.map((object) => object + 1)])),
    // Region 0 is the whole picture, which no word names.
    choices: texts.map(({ text, positions }) => ({
      text,
      positions: [[], ...shown.map((one) => positions.get(one) ?? [])],
    })),
  };
}

/** `imageTextAlignment [rows, v, a] int32` of rows of regions: the text positions that name each, then -1. */
export function alignmentTensor(rows: readonly AlignedText['positions'][], v: number): RawTensor {
  const longest = Math.max(1, ...rows.flatMap((regions) => regions.map(({ length }) => length)));
  const a = ALIGNMENT_BUCKETS.find((size) => size >= longest) ?? longest;
  const data = new Int32Array(rows.length * v * a).fill(-1);
  rows.forEach((regions, row) => regions.forEach((positions, region) => data.set(positions, (row * v + region) * a)));
  return { dtype: 'int32', shape: [rows.length, v, a], data };
}

/** `[CLS] context [SEP] choice [SEP]` with the positions that name each object. Long texts are cut at the front, the context down to 32 pieces. */
async function encodePair(
  context: readonly VcrWord[],
  choice: readonly VcrWord[],
  { tokenizer, maxLength }: VisualBertProcessor,
  alignment: Alignment,
): Promise<{ text: EncodedText; positions: Map<number, number[]> }> {
  interface Piece {
    id: number;
    object: number | null;
    word: number;
  }
  const cut = async (words: readonly VcrWord[]): Promise<Piece[]> => {
    const pieces = await Promise.all(words.map(({ word }) => tokenizer.encode(word)));
    // An object is aligned with the first piece of its name.
    return pieces.flatMap((ids, word) =>
      ids.map((id, i) => ({ id, word, object: i === 0 ? (words[word]?.object ?? null) : null })),
    );
  };
  const [first, second] = cutPair(await cut(context), await cut(choice), maxLength - 3);
  const positions = new Map<number, number[]>();
  const note = (pieces: readonly Piece[], offset: number): void =>
    pieces.forEach(({ object, word }, i) => {
      if (object === null) return;
      // 'words' reproduces the authors' bug: the index of the word is used as that of its piece.
      positions.set(object, [...(positions.get(object) ?? []), offset + (alignment === 'words' ? word : i)]);
    });
  note(first, 1);
  note(second, first.length + 2);
  const { cls, sep } = tokenizer.special;
  const ids = [cls, ...first.map(({ id }) => id), sep, ...second.map(({ id }) => id), sep];
  return { text: { ids, typeIds: ids.map((_, i) => (i < first.length + 2 ? 0 : 1)) }, positions };
}
