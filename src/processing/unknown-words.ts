// Words of a text that a vocabulary does not have: the model reads the same [UNK] for each, whatever the word.
import { warnOnce } from '../logger.js';
import type { TextTokenizer } from '../platform/tokenizers/text-tokenizer.js';

/** Punctuation around a word. */
const EDGES = /(?<=.)\p{P}+$|^\p{P}+(?=.)/gu;

/** The words that become [UNK], as they are written, each once. */
export async function unknownWords(text: string, tokenizer: TextTokenizer): Promise<string[]> {
  const isUnknown = async (part: string): Promise<boolean> =>
    (await tokenizer.encode(part)).includes(tokenizer.special.unk);
  if (!(await isUnknown(text))) return [];
  const unknown = new Set<string>();
  for (const word of text.split(/\s+/)) if (await isUnknown(word)) unknown.add(word.replace(EDGES, ''));
  return [...unknown];
}

/** Warns of words that the model cannot read, since its answer does not show it. @param model its name in the warning */
export async function warnAboutUnknownWords(text: string, tokenizer: TextTokenizer, model: string): Promise<void> {
  const words = await unknownWords(text, tokenizer);
  if (words.length === 0) return;
  const shown = words.map((word) => JSON.stringify(word)).join(', ');
  warnOnce(
    `${model}: its vocabulary does not have ${shown}; the model reads [UNK] there, and its answer does not depend on what is asked there`,
  );
}
