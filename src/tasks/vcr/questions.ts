// The texts of a VCR record: question, or question and answer, with answers or rationales as choices.
import { type AlignedText, readTaggedQuestion, type TaggedQuestionOptions } from '../../processing/aligned-text.js';
import { nameObjects, type Naming, VCR_NAMES, type VcrToken, type VcrWord } from '../../processing/vcr-names.js';
import type { RegionFeatures, RegionFeatureSource } from '../../features/region-features.js';
import type { VcrRecord } from '../../records/vcr.js';
import { DataError, errorMessage } from '../../errors.js';
import type { VcrOptions } from '../shared/options.js';

export interface VcrQuestionOptions extends TaggedQuestionOptions {
  source: RegionFeatureSource;
  /** The answer that follows the question; null for none. */
  given: number | null;
}

/** All texts of a record, for a vocabulary. */
export function vcrTexts({ question, answers, rationales, objects }: VcrRecord): string[] {
  const tokens = [question, ...answers, ...rationales].flat();
  return [...VCR_NAMES, ...objects, ...tokens.filter((token) => typeof token === 'string')];
}

/** The question and its choices with names instead of tags: answers, or rationales when an answer is given. */
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
 * The question with each of its choices.
 * @throws DataError when the features do not fit the objects.
 */
export async function readVcrQuestion(
  record: VcrRecord,
  mode: VcrOptions['mode'],
  { source, given, ...options }: VcrQuestionOptions,
): Promise<{ regions: RegionFeatures; choices: AlignedText[] }> {
  const { annotId, imageId, objects, answers, rationales } = record;
  const regions = await source.read(imageId);
  const choices = mode === 'answer' ? answers : rationales;
  try {
    return await readTaggedQuestion({ context: contextOf(record, given), choices, objects }, regions, options);
  } catch (error) {
    throw new DataError(`${source.name}: annotation ${annotId}: ${errorMessage(error)}`, { cause: error });
  }
}
