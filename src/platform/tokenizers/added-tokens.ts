// Finds added tokens in a text by the rules of the native tokenizers library, which the JavaScript library implements only in part.
import type { NumberedToken } from './tokenizer-definition.js';

/** \w and \s of Rust's regular expressions. */
const WORD = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]';
const ENDS_IN_WORD = new RegExp(`${WORD}$`, 'u');
const STARTS_WITH_WORD = new RegExp(`^${WORD}`, 'u');
const SPACE_AT_START = /^\p{White_Space}*/u;
const SPACE_AT_END = /\p{White_Space}*$/u;

/**
 * Splits texts at added tokens: the leftmost match first, of several the longest. Text between them stays text.
 * @param patterns the pattern of each token in the text
 * @see huggingface/tokenizers 0.23 `added_vocabulary.rs`, find_matches
 */
export function tokenSplitter(
  patterns: ReadonlyMap<string, NumberedToken>,
): (text: string) => readonly (string | NumberedToken)[] {
  if (patterns.size === 0) return (text) => [text];
  const longestFirst = [...patterns.keys()].sort((a, b) => b.length - a.length).map(escaped);
  const anyToken = new RegExp(longestFirst.join('|'), 'gu');
  return (text) => {
    const parts: (string | NumberedToken)[] = [];
    let done = 0;
    for (const { 0: found, index } of text.matchAll(anyToken)) {
      const token = patterns.get(found) as NumberedToken;
      let [start, end] = [index, index + found.length];
      const [before, after] = [text.slice(0, start), text.slice(end)];
      if (token.single_word && (ENDS_IN_WORD.test(before) || STARTS_WITH_WORD.test(after))) continue;
      if (token.lstrip) start = Math.max(done, start - lengthOf(SPACE_AT_END, before));
      if (token.rstrip) end += lengthOf(SPACE_AT_START, after);
      if (done < start) parts.push(text.slice(done, start));
      parts.push(token);
      done = end;
    }
    if (done < text.length) parts.push(text.slice(done));
    return parts;
  };
}

function lengthOf(pattern: RegExp, text: string): number {
  return pattern.exec(text)?.[0].length ?? 0;
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, (sign) => (sign === '-' ? '\\u002d' : `\\${sign}`));
}
