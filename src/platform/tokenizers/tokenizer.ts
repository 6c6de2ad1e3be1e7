// The package's tokenizer over any tokenizer library.
import { DataError } from '../../errors.js';
import type { TextTokenizer, TokenizerFiles } from './text-tokenizer.js';
import type { TokenizerDefinition } from './tokenizer-definition.js';

/** A tokenizer of a definition; `encode` returns the ids of a text without special tokens around it. */
export function textTokenizer(
  files: TokenizerFiles,
  { pieces, special }: TokenizerDefinition,
  encode: TextTokenizer['encode'],
): TextTokenizer {
  return {
    vocabularySize: pieces.length,
    special,
    files,
    encode,
    tokens: (ids) =>
      ids.map((id) => {
        const piece = pieces[id];
        if (piece === undefined)
          throw new DataError(`token id ${id}: outside the vocabulary of ${pieces.length} pieces`);
        return piece;
      }),
  };
}
