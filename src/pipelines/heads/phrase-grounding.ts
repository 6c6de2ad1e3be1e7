// Phrase grounding: the regions of an image that phrases of a sentence refer to.
import { boxAt } from '../../boxes.js';
import { ConfigError } from '../../errors.js';
import { warnOnce } from '../../logger.js';
import { VisualBertForRegionToPhraseAlignment } from '../../models/region-to-phrase-alignment.js';
import { requireOptions, shown } from '../../options.js';
import type { PhraseInput } from '../contract.js';
import { regionCount, type PipelineExample } from '../example.js';
import { type HeadScores, type PipelineDefinition, ranked } from '../head.js';
import { requireOneImage } from '../regions.js';

const DEFAULT_REGIONS = 5;
/** A word with its inner apostrophes and hyphens, or a punctuation mark, as in Flickr30k Entities. */
const WORD = /[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*|[^\s\p{L}\p{N}]/gu;

export const phraseGrounding: PipelineDefinition<'phrase-grounding'> = {
  Model: VisualBertForRegionToPhraseAlignment,
  input: { sentence: true, phrases: true, regions: true },
  textForm: 'flickr',
  createHead: ({ processor, readImages }) => {
    const scores: HeadScores = {
      output: 'logits',
      excluded: null,
      span: (example, asked, [, , v = 0]) => ({ start: asked * v, count: regionsIn(example) }),
      label: (index) => `region ${index}`,
      readAt: ({ sequences }, asked) => ({ sequence: 0, position: sequences[0]?.asked?.[asked] ?? 0 }),
    };
    return {
      hasChoices: false,
      asked: { name: 'regionToPhrasePosition', padding: -1 },
      scores,
      encode: async ({ sentence, phrases, regions }) => {
        const words = typeof sentence === 'string' ? wordsOf(sentence) : sentence;
        requireWords(words);
        if (!Array.isArray(phrases)) throw new ConfigError(`phrases: expected a list, received ${shown(phrases)}`);
        if (phrases.length === 0) throw new ConfigError('phrases: expected at least one, received none');
        const spans = phrases.map((phrase) => spanOf(phrase, words));
        const [{ text, lastPieces }, images] = await Promise.all([
          processor.encodeWords(words),
          readImages(requireOneImage(regions)),
        ]);
        const asked = spans.map(({ last }) => lastPieces[last] as number);
        const end = text.ids.length - 1; // the position of words that are cut off
        const lost = spans.find((_, i) => asked[i] === end);
        if (lost !== undefined)
          throw new ConfigError(
            `phrases: ${JSON.stringify(words[lost.last])} (word ${lost.last}) lies beyond the longest text of the model, ${processor.maxLength} word pieces; ` +
              'shorten the sentence',
          );
        const labels = spans.map(({ first, last }) => words.slice(first, last + 1).join(' '));
        return { sequences: [{ text, regions: images, asked }], labels };
      },
      decode: (computed, { topK = DEFAULT_REGIONS }) => {
        const { example } = computed;
        const boxes = example.sequences[0]?.regions[0]?.boxes;
        return example.labels.map((phrase, asked) => ({
          phrase,
          regions: ranked(scores, computed, topK, asked).map(({ index, score }) => ({
            index,
            score,
            ...(boxes === undefined ? {} : { box: boxAt(boxes, index) }),
          })),
        }));
      },
    };
  },
};

function regionsIn({ sequences: [sequence] }: PipelineExample): number {
  return sequence === undefined ? 0 : regionCount(sequence);
}

/** The words of a sentence; punctuation marks are words. */
function wordsOf(sentence: string): string[] {
  return sentence.match(WORD) ?? [];
}

/** @throws ConfigError for anything but a list of words */
function requireWords(words: unknown): void {
  const areWords = Array.isArray(words) && words.every((word) => typeof word === 'string' && word.trim() !== '');
  if (areWords && words.length > 0) return;
  throw new ConfigError(`sentence: expected a text, or its words, none of them blank; received ${shown(words)}`);
}

/** First and last word of a phrase. @throws ConfigError when the sentence does not have it */
function spanOf(phrase: PhraseInput, words: readonly string[]): { first: number; last: number } {
  if (typeof phrase !== 'string') {
    requireOptions('phrases', phrase, "a phrase's text or { first, last }");
    const { first, last } = phrase;
    if (Number.isInteger(first) && Number.isInteger(last) && first >= 0 && first <= last && last < words.length)
      return phrase;
    throw new ConfigError(`phrases: expected words from 0 to ${words.length - 1}, received ${first} to ${last}`);
  }
  const wanted = wordsOf(phrase.toLowerCase());
  const lower = words.map((word) => word.toLowerCase());
  const places = [...lower.keys()].filter((i) => wanted.length > 0 && wanted.every((word, j) => lower[i + j] === word));
  const [first, next] = places.map((place) => ({ first: place, last: place + wanted.length - 1 }));
  if (first !== undefined && next !== undefined)
    warnOnce(
      `phrases: the sentence has ${JSON.stringify(phrase)} ${places.length} times; the first is taken. Choose another by the numbers of its first and last ` +
        `word, { first: ${next.first}, last: ${next.last} }, or give more of its words`,
    );
  if (first !== undefined) return first;
  throw new ConfigError(
    `phrases: the sentence has no ${JSON.stringify(phrase)}; its words are ${JSON.stringify(words)}`,
  );
}
