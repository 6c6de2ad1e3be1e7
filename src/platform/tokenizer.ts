// A BERT tokenizer from its files, whatever library splits the words: vocab.txt as tokenizer.json, special ids, pieces.
import { DataError } from '../errors.js';
import type { TextTokenizer } from '../text-tokenizer.js';

/** What a tokenizer is made from. */
export interface TokenizerFiles {
  /** BERT's `vocab.txt`: one token a line, its line number is its id. */
  vocabulary?: string | Uint8Array;
  /** The text of a `tokenizer.json`; wins over `vocabulary`. */
  tokenizerJson?: string;
  /** Whether text is lower-cased and accents stripped (bert-base-uncased). Used with `vocabulary` only. Default true. */
  lowercase?: boolean;
}

const SPECIAL_TOKENS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

/**
 * The `tokenizer.json` text that is equal to a BERT `vocab.txt`: BERT's normalizer, its pre-tokenizer, wordpieces with `##`.
 * @see https://arxiv.org/abs/1810.04805, and google-research/bert `tokenization.py`
 */
export function bertTokenizerJson(vocabulary: string | Uint8Array, lowercase = true): string {
  const text = typeof vocabulary === 'string' ? vocabulary : new TextDecoder().decode(vocabulary);
  const tokens = text.replace(/\r?\n$/, '').split(/\r?\n/);
  const vocab: Record<string, number> = Object.create(null) as Record<string, number>;
  tokens.forEach((token, id) => (vocab[token] = id));
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.filter((content) => content in vocab).map((content) => ({
      id: vocab[content],
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  });
}

/** The `tokenizer.json` text of whatever files were given. @throws DataError when neither was. */
export function tokenizerJsonOf({ vocabulary, tokenizerJson, lowercase }: TokenizerFiles): string {
  if (tokenizerJson !== undefined) return tokenizerJson;
  if (vocabulary === undefined)
    throw new DataError('createTokenizer: expected a vocabulary or a tokenizerJson, received neither');
  return bertTokenizerJson(vocabulary, lowercase);
}

/** What a tokenizer library must offer. */
export interface TokenizerLibrary {
  encode(text: string): Promise<number[]>;
  vocab(): Iterable<[string, number]>;
}

/** The package's tokenizer over a library. @throws DataError when the vocabulary lacks one of BERT's special tokens. */
export function textTokenizer(library: TokenizerLibrary): TextTokenizer {
  const pieces: string[] = [];
  const ids = new Map<string, number>();
  for (const [piece, id] of library.vocab()) {
    pieces[id] = piece;
    ids.set(piece, id);
  }
  const [pad, unk, cls, sep, mask] = SPECIAL_TOKENS.map((token) => {
    const id = ids.get(token);
    if (id === undefined) {
      throw new DataError(
        `vocabulary: expected BERT's special tokens, found no ${token} among ${pieces.length} pieces; give the vocab.txt of a BERT model`,
      );
    }
    return id;
  }) as [number, number, number, number, number];
  return {
    vocabularySize: pieces.length,
    special: { pad, unk, cls, sep, mask },
    encode: library.encode,
    tokens: (wanted) =>
      wanted.map((id) => {
        const piece = pieces[id];
        if (piece === undefined)
          throw new DataError(`token id ${id}: outside the vocabulary of ${pieces.length} pieces`);
        return piece;
      }),
    vocabulary: () => pieces,
  };
}
