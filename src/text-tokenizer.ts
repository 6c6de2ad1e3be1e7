// Text to word-piece ids: the small interface between the tokenizer libraries (#platform) and the processor.

/** The files that decide which ids a text becomes, as transformers names them. A run folder keeps them byte for byte. */
export const TOKENIZER_FILES = [
  'vocab.txt',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
] as const;

/** What a processor keeps beside them: text form, lengths, detector. */
export const PROCESSOR_FILE = 'processor_config.json';

/** The text of each file that there is. `tokenizer.json` wins over `vocab.txt`. */
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
  /** What it was made from: createTokenizer makes an equal one of them. */
  readonly files: TokenizerFiles;
  /** Ids of the pieces of `text`, nothing added around them. A special token written in the text (`[MASK]`) is that one token. Asynchronous, as the native library is. */
  encode(text: string): Promise<number[]>;
  /** The piece of each id, `##` kept. @throws DataError for an id outside the vocabulary. */
  tokens(ids: readonly number[]): string[];
}
