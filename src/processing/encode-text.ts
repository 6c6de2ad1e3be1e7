// Encodes texts as word pieces with special tokens, in a text form and within a maximum length.
import { DataError } from '../errors.js';
import { warnOnce } from '../logger.js';
import type { TextTokenizer } from '../platform/tokenizers/text-tokenizer.js';
import type { EncodedText } from './batch.js';
import { cutPair } from './cut-pair.js';
import { type TextFormName, textForm } from './text-forms.js';

/** Maximum length of a text, and whether longer ones are truncated. */
export interface TextLimit {
  /** In word pieces, special tokens included. */
  maxLength: number;
  /** Whether to cut longer texts; false: they are errors; undefined: they are cut with a warning. */
  truncation: boolean | undefined;
}

/**
 * Encodes a text in a text form with [CLS] and [SEP]. A long text is cut at its end (but keeps the [MASK] slot); the texts of a
 * pair are cut at the front, see `cutPair`.
 * @throws DataError for a text that is too long and may not be cut, and for a maximum length below the special tokens
 */
export async function encodeText(
  tokenizer: TextTokenizer,
  formName: TextFormName,
  text: string,
  pair: string | undefined,
  { maxLength, truncation }: TextLimit,
): Promise<EncodedText> {
  const { cls, sep, mask } = tokenizer.special;
  const form = textForm(formName, text);
  const ending = [...(await tokenizer.encode(form.ending)), ...(form.hasSlot ? [mask] : [])];
  const body = await tokenizer.encode(form.body);
  const paired = pair === undefined ? null : await tokenizer.encode(pair);
  const available = maxLength - ending.length - (paired === null ? 2 : 3);
  const excess = body.length + (paired?.length ?? 0) - available;
  if (excess > 0 && truncation === false) {
    throw new DataError(
      `text: expected at most ${maxLength} word pieces (maxLength), received ${maxLength + excess}: ${JSON.stringify(text.slice(0, 60))}; set truncation`,
    );
  }
  requireSpace(available, maxLength);
  if (excess > 0 && truncation === undefined) warnAboutCut(maxLength);
  const [first, second] = paired === null ? [body.slice(0, available), null] : cutPair(body, paired, available);
  const head = [cls, ...first, ...ending, sep];
  const tail = second === null ? [] : [...second, sep];
  const typeIds = [...head.map(() => 0), ...tail.map(() => 1)];
  return { ids: [...head, ...tail], typeIds, ...(excess > 0 ? { isTruncated: true } : {}) };
}

/**
 * Encodes a list of words, with the position of each word's last piece, at which a phrase that ends there is read. Words beyond
 * `maxLength` are dropped; their position is that of [SEP].
 */
export async function encodeWords(
  tokenizer: TextTokenizer,
  words: readonly string[],
  maxLength: number,
): Promise<{ text: EncodedText; lastPieces: number[] }> {
  const { cls, sep } = tokenizer.special;
  requireSpace(maxLength - 2, maxLength);
  const pieces = await Promise.all(words.map((word) => tokenizer.encode(word)));
  const body = pieces.flat();
  const isTruncated = body.length > maxLength - 2;
  if (isTruncated) warnAboutCut(maxLength);
  const ids = [cls, ...body.slice(0, maxLength - 2), sep];
  let end = 0;
  const lastPieces = pieces.map((one) => Math.min((end += one.length), ids.length - 1));
  const text = { ids, typeIds: ids.map(() => 0), ...(isTruncated ? { isTruncated } : {}) };
  return { text, lastPieces };
}

function warnAboutCut(maxLength: number): void {
  warnOnce(
    `text: longer than ${maxLength} word pieces, all that the model is set to read: its end is not read, and may have been what was asked; give shorter texts`,
  );
}

function requireSpace(available: number, maxLength: number): void {
  if (available < 0)
    throw new DataError(
      `text: expected at least ${maxLength - available} positions for the special tokens, received ${maxLength}; raise maxLength, or use a model with more positions`,
    );
}
