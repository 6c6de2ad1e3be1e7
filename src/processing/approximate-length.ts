// Estimates the length of a text in word pieces without a tokenizer.
import { requireKinds } from '../options.js';

/**
 * Estimates the word pieces of a text, to group batches, never too high: its words, punctuation marks, and three special tokens.
 * @example
 * approximateLength("What's this?"); // 8
 */
export function approximateLength(text: string): number {
  requireKinds('approximateLength', { 'a text': { text } });
  return (text.match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu)?.length ?? 0) + 3;
}
