// The JavaScript tokenizer library, corrected to give the ids of the native one.
import { Tokenizer } from '@huggingface/tokenizers';
import type { TextTokenizer } from './text-tokenizer.js';
import { tokenSplitter } from './added-tokens.js';
import type { NumberedToken, TokenizerDefinition } from './tokenizer-definition.js';

/** Chinese characters beyond 16 bits, which the JavaScript library does not recognise; the ranges are those of the native one. */
const RARE_CHINESE = /[\u{20000}-\u{2a6df}\u{2a700}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

/** Encodes a text to ids, without special tokens around it. */
export function encoderOf({ json, isBert }: TokenizerDefinition): TextTokenizer['encode'] {
  const library = new Tokenizer(isBert ? { ...json, added_tokens: [] } : json, {});
  const encode = (text: string): number[] => library.encode(text, { add_special_tokens: false }).ids;
  if (!isBert) return async (text) => encode(text);
  const normalize = bertNormalizer(library, json.normalizer as BertNormalizer);
  library.normalizer = null; // texts are normalized before
  const asWritten = new Map<string, NumberedToken>();
  const inNormalForm = new Map<string, NumberedToken>();
  for (const token of json.added_tokens) {
    if (!token.normalized) asWritten.set(token.content, token);
    else if (normalize(token.content) !== '') inNormalForm.set(normalize(token.content), token);
  }
  const [splitText, splitNormalized] = [tokenSplitter(asWritten), tokenSplitter(inNormalForm)];
  return async (text) =>
    splitText(text).flatMap((part) => {
      if (typeof part !== 'string') return part.id;
      return splitNormalized(normalize(part)).flatMap((piece) =>
        typeof piece === 'string' ? encode(piece) : piece.id,
      );
    });
}

interface BertNormalizer {
  lowercase: boolean;
  handle_chinese_chars: boolean;
}

function bertNormalizer(
  { normalizer }: Tokenizer,
  { lowercase, handle_chinese_chars }: BertNormalizer,
): (text: string) => string {
  return (text) => {
    const spaced = handle_chinese_chars ? text.replace(RARE_CHINESE, ' $& ') : text;
    // JavaScript lower-cases a sigma at a word's end to its final form, the native library never does.
    return normalizer?.normalize(lowercase ? spaced.replaceAll('Σ', 'σ') : spaced) ?? spaced;
  };
}
