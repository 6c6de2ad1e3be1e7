// Types of explanations: the relevance of each word and each region to an answer.

/**
 * `attention`: the attention probabilities of a layer (default the last), of one head or the mean of all.
 * `rollout`: attention through all layers, residuals included (Abnar and Zuidema 2020).
 * `relevance`: attention weighted by the gradient of the answer's score (Chefer, Gur and Wolf 2021).
 * `leave-out`: how far the answer's probability falls when a word or region is removed.
 */
export const EXPLANATION_METHODS = ['attention', 'rollout', 'relevance', 'leave-out'] as const;
/** Names of the methods of explanation. */
export type ExplanationMethod = (typeof EXPLANATION_METHODS)[number];

/** Options of `explain`. */
export interface ExplainOptions {
  /** Default `relevance`. */
  method?: ExplanationMethod;
  /** The answer to explain: its text or its class. Default: the most likely one. */
  answer?: string | number;
  /** Index of the phrase or mask, where the input has several. Default 0. */
  asked?: number;
  /** Of `attention`, from 0. Default: the last one. */
  layer?: number;
  /** Of `attention`, from 0. Default: the mean of all. */
  head?: number;
  /** With `leave-out`: also leave out each word together with each region, one forward pass per pair. Default false. */
  pairs?: boolean;
  /** How many answers to list. Default 5. */
  topK?: number;
}

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
  /**
   * `[words][regions]`, regions of all images in order: what each word attends to (the mean of its pieces' rows); with `leave-out` how much
   * less the region matters without the word, negative where it matters more.
   */
  pairs?: number[][];
}
