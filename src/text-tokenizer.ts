// Text to word-piece ids: the small interface between the tokenizer libraries (#platform) and the processor.

/** Ids of the five special tokens of a BERT vocabulary. */
export interface SpecialTokenIds {
  pad: number;
  unk: number;
  cls: number;
  sep: number;
  mask: number;
}

/** A BERT word-piece tokenizer; `createTokenizer` of `#platform` makes one from a vocabulary. */
export interface TextTokenizer {
  readonly vocabularySize: number;
  readonly special: SpecialTokenIds;
  /** Ids of the pieces of `text`, nothing added around them. A special token written in the text (`[MASK]`) is that one token. Asynchronous, as the native library is. */
  encode(text: string): Promise<number[]>;
  /** The piece of each id, `##` kept. @throws DataError for an id outside the vocabulary. */
  tokens(ids: readonly number[]): string[];
  /** The vocabulary as vocab.txt holds it, one piece a line: what `save` writes. */
  vocabulary(): readonly string[];
}
