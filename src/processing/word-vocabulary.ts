// A small word-piece vocabulary from texts, for models that are trained from scratch.
import { requireKinds } from '../options.js';

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const WORD = /[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu;

/**
 * The pieces of a vocab.txt: the special tokens, every word and punctuation mark of the texts (lower case, most frequent first, then by code), and
 * single characters, also as continuations, so that every word of known letters can be encoded.
 * @example
 * const pieces = buildVocabulary(['A dog runs.', 'A cat.']);
 * pieces.includes('dog'); // true
 */
export function buildVocabulary(texts: Iterable<string>, options: { minimumCount?: number } = {}): string[] {
  requireKinds('buildVocabulary', { 'a list': { texts }, 'an object': { options } });
  const { minimumCount = 1 } = options;
  const counts = new Map<string, number>();
  for (const text of texts) {
    const plain = text
      .toLowerCase()
      .normalize('NFD')
      .replace(/\p{Mn}/gu, '');
    for (const [word] of plain.matchAll(WORD)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const words = [...counts]
    .filter(([, count]) => count >= minimumCount)
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const characters = [...new Set([...counts.keys()].flatMap((word) => [...word]))].sort();
  const pieces = [
    ...SPECIAL,
    '?',
    ...words.map(([word]) => word),
    ...characters,
    ...characters.map((character) => `##${character}`),
  ];
  return [...new Set(pieces)];
}
