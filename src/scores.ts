// Scores of classes: probabilities, the best classes, and the label that stands for none.
import { z } from 'zod';
import { ConfigError } from './errors.js';
import { expected, shown, wholeNumber } from './options.js';

/** How many of the best answers are returned by default. */
export const DEFAULT_TOP_K = 5;

/** How many of the best answers are returned; Infinity for all. */
export const TOP_K = z
  .union([wholeNumber(1), z.literal(Infinity)], { error: expected('a whole number of at least 1') })
  .default(DEFAULT_TOP_K)
  .describe('number of answers');

/** The integer label that losses ignore. */
export const IGNORED_LABEL = -100;

/** `exp(x_i) / sum_j exp(x_j)`, relative to the largest score, so that nothing overflows. */
export function softmax(scores: ArrayLike<number>): Float64Array {
  const powers = Float64Array.from(scores); // typed, since lists of numbers were most of a server's garbage
  let [highest, sum] = [-Infinity, 0];
  for (const score of powers) if (score > highest) highest = score;
  for (let i = 0; i < powers.length; i++) sum += powers[i] = Math.exp((powers[i] as number) - highest);
  for (let i = 0; i < powers.length; i++) powers[i] = (powers[i] as number) / sum;
  return powers;
}

/**
 * The classes with the highest scores, best first, ties by index.
 * @param excluded a class that is never returned.
 * @throws ConfigError for a `topK` below 1
 */
export function bestClasses(
  scores: ArrayLike<number>,
  topK: number,
  excluded: number | null = null,
): { index: number; score: number }[] {
  if (!(topK >= 1)) throw new ConfigError(`topK: expected at least 1 answer, received ${topK}`);
  if (!Number.isInteger(topK) && topK !== Infinity)
    throw new ConfigError(`topK: expected a whole number of answers, received ${shown(topK)}`);
  if (topK >= scores.length) {
    return Array.from(scores, (score, index) => ({ index, score }))
      .filter(({ index }) => index !== excluded)
      .sort((a, b) => b.score - a.score || a.index - b.index);
  }
  const best: { index: number; score: number }[] = []; // insertion is faster than sorting: topK is small
  for (let index = 0; index < scores.length; index++) {
    const score = scores[index] as number;
    if (index === excluded || (best.length >= topK && !(score > (best.at(-1)?.score as number)))) continue;
    const rank = best.findIndex((one) => score > one.score);
    best.splice(rank < 0 ? best.length : rank, 0, { index, score });
    if (best.length > topK) best.pop();
  }
  return best;
}
