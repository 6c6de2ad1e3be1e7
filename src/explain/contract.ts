// Options and results of explanations: the relevance of each word and each region to an answer.
import { z } from 'zod';
import { expected, oneOf, truth, wholeNumber } from '../options.js';
import { TOP_K } from '../scores.js';

/**
 * `attention`: the attention probabilities of a layer (default the last), of one head or the mean of all.
 * `rollout`: attention through all layers, residuals included (Abnar and Zuidema 2020).
 * `relevance`: attention weighted by the gradient of the answer's score (Chefer, Gur and Wolf 2021).
 * `leave-out`: how far the answer's probability falls when a word or region is removed.
 */
export const EXPLANATION_METHODS = ['attention', 'rollout', 'relevance', 'leave-out'] as const;
/** Names of the methods of explanation. */
export type ExplanationMethod = (typeof EXPLANATION_METHODS)[number];

/**
 * The position whose attention a method shows, in words: one for all answers, except where each choice is read in a sequence of its own. Null
 * for the methods that explain a score. Its source is written into pages: it uses nothing from outside itself.
 */
export function attendingPosition(method: string, task: string, answer: string): string | null {
  if (method !== 'attention' && method !== 'rollout') return null;
  return `the position from which ${task === 'visual-multiple-choice' ? `“${answer}” is` : 'answers are'} read`;
}

const index = (): z.ZodNumber => wholeNumber(0);

/** What `explain` explains, and how: names, checks, defaults and help texts. */
export const EXPLAIN_OPTIONS = {
  method: oneOf(EXPLANATION_METHODS).default('relevance').describe('method of the numbers; a page has all methods'),
  answer: z
    .union([z.string(), index()], { error: expected('the text or the class of an answer') })
    .optional()
    .describe('the answer to explain; default: the most likely one'),
  asked: index().default(0).describe('number of the phrase or mask, from 0, where the input has several'),
  layer: index().optional().describe('layer of the method attention, from 0; default: the last'),
  head: index().optional().describe('head of the method attention, from 0; default: the mean of all'),
  pairs: truth()
    .default(false)
    .describe('with leave-out: also leave out each word together with each region, one forward pass per pair'),
  topK: TOP_K,
};

export const explainSchema = z.strictObject(EXPLAIN_OPTIONS);
/** Options of `explain`. */
export type ExplainOptions = z.input<typeof explainSchema>;
/** Options of `explain` with the defaults filled in. */
export type ResolvedExplainOptions = z.output<typeof explainSchema>;

/** An answer with its probability. */
export interface ExplainedAnswer {
  label: string;
  index: number;
  score: number;
}

/** A word as the model reads it, joined from its pieces. */
export interface ExplainedWord {
  text: string;
  /** Text positions of its pieces, [CLS] being 0. */
  positions: readonly number[];
  /** Sum over its pieces; with `leave-out` the drop of the probability without the word. */
  score: number;
}

/** A region with its relevance. */
export interface ExplainedRegion {
  score: number;
  /** x1, y1, x2, y2 in pixels. */
  box?: readonly [number, number, number, number];
}

/** The regions of an image with their relevance. */
export interface ExplainedImage {
  width?: number;
  height?: number;
  regions: ExplainedRegion[];
}

/** An explanation of one prediction. */
export interface Explanation {
  method: ExplanationMethod;
  /** Of `attention`; `head` is null for the mean of all. */
  layer?: number;
  head?: number | null;
  /** The phrase or mask that was asked about. */
  asked?: string;
  /** The explained one. */
  answer: ExplainedAnswer;
  /** The most likely ones, best first. */
  answers: ExplainedAnswer[];
  words: ExplainedWord[];
  images: ExplainedImage[];
  /** Where the text was longer than the model reads: `words` are those that it read. */
  truncated?: true;
  /**
   * `[words][regions]`, regions of all images in order: what each word attends to (the mean of its pieces' rows); with `leave-out` how much
   * less the region matters without the word, negative where it matters more.
   */
  pairs?: number[][];
}
