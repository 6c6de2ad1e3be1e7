// Formats counts, lists, sizes and command-line flags for messages.
import { requireKinds } from './options.js';

/**
 * `learning-rate` for `learningRate`.
 * @example
 * kebab('maxTextLength'); // 'max-text-length'
 */
export function kebab(name: string): string {
  requireKinds('kebab', { 'a text': { name } });
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/**
 * A word for a shell, quoted when needed.
 * @example
 * shellWord("it's"); // `'it'\\''s'`
 */
export function shellWord(text: string): string {
  requireKinds('shellWord', { 'a text': { text } });
  return /^[\w./:~-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * A setting as a flag; null when it is not set.
 * @example
 * flagText('learningRate', 1e-3); // '--learning-rate 0.001'
 * flagText('shuffle', false); // '--no-shuffle'
 */
export function flagText(name: string, value: unknown): string | null {
  if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) return null;
  if (typeof value === 'boolean') return value ? `--${kebab(name)}` : `--no-${kebab(name)}`;
  const words = [value].flat().map((one) => shellWord(typeof one === 'object' ? JSON.stringify(one) : String(one)));
  return `--${kebab(name)} ${words.join(' ')}`;
}

/**
 * `1 record`, `2 records`.
 * @param one the singular noun.
 * @param many the plural; default: the singular with `s`.
 * @example
 * counted(1, 'problem'); // '1 problem'
 * counted(3, 'box', 'boxes'); // '3 boxes'
 */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/**
 * The first texts of a list, and how many are left out.
 * @example
 * firstOf(['cat', 'dog', 'bird', 'cow', 'hen']); // 'cat, dog, bird and 2 more'
 */
export function firstOf(texts: readonly string[], most = 3, separator = ', '): string {
  const more = texts.length - most;
  return texts.slice(0, most).join(separator) + (more > 0 ? ` and ${more} more` : '');
}

/** `1.5 GB`. */
export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

/** A text without characters that steer a terminal: `\\u001b` for an escape. Bytes of other files end up in messages about them. */
export function printable(text: string): string {
  const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return text.replace(/(?![\t\n])[\p{Cc}\p{Cf}\u2028\u2029]/gu, escaped);
}
