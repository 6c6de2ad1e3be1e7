// The words of a sequence, joined from word pieces, and the sequence without some of them.
import type { Sequence } from '../pipelines/example.js';
import type { TextTokenizer } from '../platform/tokenizers/text-tokenizer.js';

/** A word and the text positions of its pieces. */
export interface Word {
  text: string;
  positions: readonly number[];
}

/** The words of a text in order; [CLS], [SEP], [MASK] and [PAD] are not words. */
export function wordsOf(ids: readonly number[], { tokens, special }: TextTokenizer): Word[] {
  const signs = new Set([special.cls, special.sep, special.mask, special.pad]);
  const words: { text: string; positions: number[] }[] = [];
  tokens(ids).forEach((piece, position) => {
    const last = words.at(-1);
    if (piece.startsWith('##') && last?.positions.at(-1) === position - 1) {
      last.text += piece.slice(2);
      last.positions.push(position);
    } else if (!signs.has(ids[position] as number)) words.push({ text: piece, positions: [position] });
  });
  return words;
}

/** The sequence as if its text did not have some positions; references to positions are adjusted. */
export function withoutPositions<S extends Sequence>(sequence: S, removed: ReadonlySet<number>): S {
  const { text, asked, alignment } = sequence;
  const left = [...text.ids.keys()].filter((position) => !removed.has(position));
  const indices = new Map(left.map((position, i) => [position, i]));
  const moved = (positions: readonly number[]): number[] =>
    positions.flatMap((position) => indices.get(position) ?? []);
  return {
    ...sequence,
    text: {
      ids: left.map((position) => text.ids[position] as number),
      typeIds: left.map((position) => text.typeIds[position] as number),
    },
    ...(asked === undefined ? {} : { asked: moved(asked) }),
    ...(alignment === undefined ? {} : { alignment: alignment.map(moved) }),
  };
}
