// Texts as word pieces with special tokens around them, in the form of a task and within a length.
import { DataError } from '../errors.js';
import type { TextTokenizer } from '../text-tokenizer.js';
import type { EncodedText } from './batch.js';
import { cutPair } from './cut-pair.js';
import { type TaskName, textForm } from './text-forms.js';

/** How long a text may be, and what happens to a longer one. */
export interface TextLimit {
  /** In word pieces, special tokens included. */
  maxLength: number;
  /** Whether a longer text is cut; without it, it is an error. */
  truncation: boolean;
}

/**
 * A text in the form of the task with [CLS] and [SEP]. A long text loses its end (never the [MASK] slot); of a pair both lose from the
 * front, the first down to 32 pieces before the second, as the authors cut.
 * @throws DataError for a text that is too long and may not be cut, and where not even the special tokens fit
 */
export async function encodeText(
  tokenizer: TextTokenizer,
  task: TaskName,
  text: string,
  pair: string | undefined,
  { maxLength, truncation }: TextLimit,
): Promise<EncodedText> {
  const { cls, sep, mask } = tokenizer.special;
  const form = textForm(task, text);
  const ending = [...(await tokenizer.encode(form.ending)), ...(form.hasSlot ? [mask] : [])];
  const body = await tokenizer.encode(form.body);
  const paired = pair === undefined ? null : await tokenizer.encode(pair);
  const available = maxLength - ending.length - (paired === null ? 2 : 3);
  const excess = body.length + (paired?.length ?? 0) - available;
  if (excess > 0 && !truncation) {
    throw new DataError(
      `text: ${maxLength + excess} word pieces are more than maxLength ${maxLength}: ${JSON.stringify(text.slice(0, 60))}; set truncation`,
    );
  }
  requireSpace(available, maxLength);
  const [first, second] = paired === null ? [body.slice(0, available), null] : cutPair(body, paired, available);
  const head = [cls, ...first, ...ending, sep];
  const tail = second === null ? [] : [...second, sep];
  return { ids: [...head, ...tail], typeIds: [...head.map(() => 0), ...tail.map(() => 1)] };
}

/**
 * A text given in words, each cut into pieces on its own, with the position of each word's last piece: where a phrase that ends in it is
 * read. Words beyond `maxLength` are lost; their position is that of [SEP].
 */
export async function encodeWords(
  tokenizer: TextTokenizer,
  words: readonly string[],
  maxLength: number,
): Promise<{ text: EncodedText; lastPieces: number[] }> {
  const { cls, sep } = tokenizer.special;
  requireSpace(maxLength - 2, maxLength);
  const pieces = await Promise.all(words.map((word) => tokenizer.encode(word)));
  const ids = [cls, ...pieces.flat().slice(0, maxLength - 2), sep];
  let end = 0;
  const lastPieces = pieces.map((one) => Math.min((end += one.length), ids.length - 1));
  return { text: { ids, typeIds: ids.map(() => 0) }, lastPieces };
}

function requireSpace(available: number, maxLength: number): void {
  if (available < 0)
    throw new DataError(
      `text: ${maxLength} positions do not hold the special tokens, which need ${maxLength - available}; raise maxLength, or use a model with more positions`,
    );
}
