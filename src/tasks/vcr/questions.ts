// What the model reads of a VCR question: names in place of tags, the regions of the objects that matter, and where each is named.
import type { EncodedText } from '../../processing/batch.js';
import { cutPair } from '../../processing/cut-pair.js';
import type { VisualBertProcessor } from '../../processing/processor.js';
import type { RegionFeatures, RegionFeatureSource } from '../../features/region-features.js';
import {
  nameObjects,
  type Naming,
  relevantObjects,
  VCR_NAMES,
  type VcrRecord,
  type VcrToken,
  type VcrWord,
} from '../../records/vcr.js';
import { DataError } from '../../errors.js';
import type { RawTensor } from '../../raw-tensor.js';
import type { VcrOptions } from '../shared/options.js';

const ALIGNMENT_BUCKETS = [1, 2, 4, 8, 16, 32];

export interface VcrReading {
  processor: VisualBertProcessor;
  source: RegionFeatureSource;
  alignment: VcrOptions['alignment'];
  names: Naming;
  /** The answer that stands behind the question; null for the question alone. */
  given: number | null;
  /** Which choices are read; default: all four. */
  choices?: readonly number[];
}

/** A text with, for each region, the text positions that name it. */
export interface AlignedText {
  text: EncodedText;
  places: readonly (readonly number[])[];
}

/** Everything that may be read of a record, for a vocabulary. */
export function vcrTexts({ question, answers, rationales, objects }: VcrRecord): string[] {
  const tokens = [question, ...answers, ...rationales].flat();
  return [...VCR_NAMES, ...objects, ...tokens.filter((token) => typeof token === 'string')];
}

/** The question and its choices with names in place of tags: answers, or rationales when an answer is given. */
export function vcrWords(
  record: VcrRecord,
  given: number | null,
  names: Naming,
): { context: string; choices: readonly string[] } {
  const named = nameObjects(
    contextOf(record, given),
    given === null ? record.answers : record.rationales,
    record.objects,
    names,
  );
  const spell = (words: readonly VcrWord[]): string => words.map(({ word }) => word).join(' ');
  return { context: spell(named.context), choices: named.choices.map(spell) };
}

function contextOf({ question, answers }: VcrRecord, given: number | null): readonly VcrToken[] {
  return given === null ? question : [...question, ...(answers[given] ?? [])];
}

/**
 * The question with each of its choices. Which objects are shown depends on all four, so that it does not tell the right one.
 * @throws DataError when the features do not fit the objects.
 */
export async function readVcrQuestion(
  record: VcrRecord,
  mode: VcrOptions['mode'],
  { processor, source, alignment, names, given, choices = [0, 1, 2, 3] }: VcrReading,
): Promise<{ regions: RegionFeatures; choices: AlignedText[] }> {
  const context = contextOf(record, given);
  const tokens = mode === 'answer' ? record.answers : record.rationales;
  const objects = relevantObjects([context, ...tokens], record.objects);
  const regions = processor.fitRegions(
    regionsOfObjects(await source.read(record.imageId), objects, record, source.name),
  );
  const named = nameObjects(context, tokens, record.objects, names);
  const texts = await Promise.all(
    choices.map((choice) => encodePair(named.context, named.choices[choice] ?? [], processor, alignment)),
  );
  return {
    regions,
    // Region 0 is the whole picture, which no word names.
    choices: texts.map(({ text, places }) => ({ text, places: [[], ...objects.map((one) => places.get(one) ?? [])] })),
  };
}

/** `imageTextAlignment [rows, v, a] int32` of rows of regions: the text positions that name each, then -1. */
export function alignmentTensor(rows: readonly AlignedText['places'][], v: number): RawTensor {
  const longest = Math.max(1, ...rows.flatMap((regions) => regions.map(({ length }) => length)));
  const a = ALIGNMENT_BUCKETS.find((size) => size >= longest) ?? longest;
  const data = new Int32Array(rows.length * v * a).fill(-1);
  rows.forEach((regions, row) => regions.forEach((places, region) => data.set(places, (row * v + region) * a)));
  return { dtype: 'int32', shape: [rows.length, v, a], data };
}

/** The row of the whole picture (0) and those of some objects (object i is row i + 1). */
function regionsOfObjects(
  regions: RegionFeatures,
  objects: readonly number[],
  { annotId, objects: all }: VcrRecord,
  name: string,
): RegionFeatures {
  const { count, dim, features, boxes, ...rest } = regions;
  if (count !== all.length + 1) {
    throw new DataError(
      `${name}: annotation ${annotId} has ${all.length} objects, its image has features of ${count} regions; expected the whole picture first, then each object`,
    );
  }
  const rows = [0, ...objects.map((object) => object + 1)];
  const pick = (values: Float32Array, width: number): Float32Array => {
    const picked = new Float32Array(rows.length * width);
    rows.forEach((row, i) => picked.set(values.subarray(row * width, (row + 1) * width), i * width));
    return picked;
  };
  return {
    ...rest,
    dim,
    count: rows.length,
    features: pick(features, dim),
    ...(boxes === undefined ? {} : { boxes: pick(boxes, 4) }),
  };
}

/** `[CLS] context [SEP] choice [SEP]` and where each object is named. Long texts lose words of the front, the context down to 32 pieces. */
async function encodePair(
  context: readonly VcrWord[],
  choice: readonly VcrWord[],
  { tokenizer, maxLength }: VisualBertProcessor,
  alignment: VcrOptions['alignment'],
): Promise<{ text: EncodedText; places: Map<number, number[]> }> {
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
  const places = new Map<number, number[]>();
  const note = (pieces: readonly Piece[], offset: number): void =>
    pieces.forEach(({ object, word }, i) => {
      if (object === null) return;
      // 'words' repeats the authors' slip: the number of the word is taken for that of its piece.
      places.set(object, [...(places.get(object) ?? []), offset + (alignment === 'words' ? word : i)]);
    });
  note(first, 1);
  note(second, first.length + 2);
  const { cls, sep } = tokenizer.special;
  const ids = [cls, ...first.map(({ id }) => id), sep, ...second.map(({ id }) => id), sep];
  return { text: { ids, typeIds: ids.map((_, i) => (i < first.length + 2 ? 0 : 1)) }, places };
}
