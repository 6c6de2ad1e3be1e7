// The interface between the tokenizer libraries (#platform) and the processor: text to word-piece ids.

/** The files of a tokenizer, as transformers names them. A run folder keeps them byte for byte. */
export const TOKENIZER_FILES = [
  'vocab.txt',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
] as const;

/** File with the processor's other settings: text form, lengths, detector. */
export const PROCESSOR_FILE = 'processor_config.json';

/** The contents of the existing files. `tokenizer.json` is preferred to `vocab.txt`. */
export type TokenizerFiles = Readonly<Partial<Record<(typeof TOKENIZER_FILES)[number], string>>>;

/** Ids of the five special tokens of a BERT vocabulary. */
export interface SpecialTokenIds {
  pad: number;
  unk: number;
  cls: number;
  sep: number;
  mask: number;
}

/** A BERT word-piece tokenizer; `createTokenizer` of `#platform` makes one from its files. */
export interface TextTokenizer {
  /** One more than the highest id: the rows that an embedding table needs. */
  readonly vocabularySize: number;
  readonly special: SpecialTokenIds;
  /** The files that it was made from, for `createTokenizer`. */
  readonly files: TokenizerFiles;
  /** Ids of the pieces of `text`, without special tokens around them. A special token in the text (`[MASK]`) becomes that token. Asynchronous, like the native library. */
  encode(text: string): Promise<number[]>;
  /** The piece of each id, `##` kept. @throws DataError for an id outside the vocabulary. */
  tokens(ids: readonly number[]): string[];
}
