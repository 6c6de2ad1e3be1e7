// Inputs, options and outputs of pipelines, by the name of the task.
import type { HubOptions } from '#platform';
import type { PictureDetector } from '../features/picture-detector.js';
import type { PredictionPrecision } from '../precision.js';
import type { DecodedAnswer } from '../processing/processor.js';
import type { TextFormName } from '../processing/text-forms.js';
import type { VcrToken } from '../processing/vcr-names.js';
import type { RawTensor } from '../raw-tensor.js';
import type { RegionsOfImage } from './regions.js';

/** How many of the best to return. */
export interface RankingOptions {
  topK?: number;
}

/** A question about one image. */
export interface QuestionInput {
  question: string;
  regions: RegionsOfImage;
}

/** A statement about one image, or about a pair of them (NLVR2: left, right); own classes may have two texts. */
export interface StatementInput {
  statement: string;
  textPair?: string;
  regions: RegionsOfImage | readonly RegionsOfImage[];
}

/** A question with answers (or, for rationales, the question and its answer with rationales) to choose from. */
export interface ChoiceInput {
  /** Text, or VCR's list of words and tags such as `['Why', 'is', [0], 'here', '?']`. */
  question: string | readonly VcrToken[];
  choices: readonly (string | readonly VcrToken[])[];
  /** Kinds of the objects that tags number; `regions` are then the whole picture first, and one for each object. */
  objects?: readonly string[];
  regions: RegionsOfImage;
}

/** A phrase: its text, or the numbers of its first and last word. */
export type PhraseInput = string | { first: number; last: number };

/** Phrases of a sentence to find in an image. */
export interface GroundingInput {
  /** Text, or its words. */
  sentence: string | readonly string[];
  phrases: readonly PhraseInput[];
  regions: RegionsOfImage;
}

/** A text, or two, with words replaced by `[MASK]`. */
export interface MaskedInput {
  text: string;
  textPair?: string;
  regions?: RegionsOfImage;
}

/** A text and an image that may belong together. Of two texts the second is compared with the image, as in the authors' pre-training. */
export interface MatchingInput {
  text: string;
  textPair?: string;
  regions: RegionsOfImage;
}

/** A text, or two, with or without images. */
export interface FeatureInput {
  text: string;
  textPair?: string;
  regions?: RegionsOfImage | readonly RegionsOfImage[];
}

/** A class with its probability. */
export interface ClassScore {
  label: string;
  index: number;
  score: number;
}

/** A choice with its probability. */
export interface ScoredChoice {
  /** The text that the model reads: names instead of tags. */
  choice: string;
  index: number;
  score: number;
}

/** A region with the probability that a phrase names it, among all regions. */
export interface ScoredRegion {
  index: number;
  score: number;
  /** x1, y1, x2, y2 in pixels, where the features have boxes. */
  box?: readonly [number, number, number, number];
}

/** A phrase with its regions. */
export interface GroundedPhrase {
  phrase: string;
  /** Best first. */
  regions: ScoredRegion[];
}

/** The most likely tokens of a [MASK]. */
export interface FilledMask {
  /** Its position in the text, [CLS] being 0. */
  position: number;
  /** Word pieces, best first. */
  words: { word: string; id: number; score: number }[];
}

/** Whether a text describes an image. */
export interface ImageTextMatch {
  /** Probability that text and image belong together. */
  score: number;
  matches: boolean;
}

/** Hidden states without padding. */
export interface ExtractedFeatures {
  /** `[t, h]`, [CLS] first. */
  text: RawTensor;
  /** `[v, h]`; null without regions. */
  regions: RawTensor | null;
  /** `[h]`, from [CLS]. */
  pooled: RawTensor;
}

/** Input, options and output of each task. */
export interface PipelineTypes {
  'visual-question-answering': { input: QuestionInput; options: RankingOptions; output: DecodedAnswer[] };
  'visual-reasoning': { input: StatementInput; options: RankingOptions; output: ClassScore[] };
  'visual-multiple-choice': { input: ChoiceInput; options: RankingOptions; output: ScoredChoice[] };
  'phrase-grounding': { input: GroundingInput; options: RankingOptions; output: GroundedPhrase[] };
  'fill-mask': { input: MaskedInput; options: RankingOptions; output: FilledMask[] };
  'image-text-matching': { input: MatchingInput; options: object; output: ImageTextMatch };
  'feature-extraction': { input: FeatureInput; options: object; output: ExtractedFeatures };
}

/** Names of the pipelines. */
export type PipelineName = keyof PipelineTypes;
/** The input of a pipeline. */
export type PipelineInput<T extends PipelineName> = PipelineTypes[T]['input'];
/** The output of a pipeline for one input. */
export type PipelineOutput<T extends PipelineName> = PipelineTypes[T]['output'];
/** Options of one call of a pipeline. */
export type CallOptions<T extends PipelineName> = PipelineTypes[T]['options'];

/** Options of `pipeline`. */
export interface PipelineOptions extends HubOptions {
  /** The answers of the classes or a file with them, for a checkpoint without them (uclanlp/visualbert-vqa). */
  answers?: string | readonly string[];
  /** Text form; default: the checkpoint's own (processor_config.json), else the authors' for this task. */
  textForm?: TextFormName;
  /** Longest text in word pieces; default the checkpoint's, else 128. */
  maxLength?: number;
  /** Maximum number of regions per image, the first ones; default the checkpoint's, else all. */
  maxRegions?: number;
  /** Finds regions where `regions` is a picture: a `RegionDetector`, or anything with its `detect`. */
  detector?: PictureDetector;
  /** Maximum number of examples per batch. Default 32. */
  batchSize?: number;
  /** Precision of matrix products; others than `fp32` need the native engine, `fp16` that or WebGPU. Default `fp32`. */
  precision?: PredictionPrecision;
  /** Load a checkpoint that lacks parameters of the model, which are then random, with a warning. Default false: throws. */
  allowFreshWeights?: boolean;
}

/** Each of them once: the compiler rejects an absent or unknown name. */
const OPTION_NAMES = {
  answers: true,
  textForm: true,
  maxLength: true,
  maxRegions: true,
  detector: true,
  batchSize: true,
  precision: true,
  allowFreshWeights: true,
  revision: true,
  subfolder: true,
  cacheDir: true,
  token: true,
  localFilesOnly: true,
  endpoint: true,
  onProgress: true,
} satisfies Record<keyof PipelineOptions, true>;

/** Their names. */
export const PIPELINE_OPTIONS: readonly string[] = Object.keys(OPTION_NAMES);

/**
 * Answers inputs of one task. A list returns a list, any other iterable an async iterable, in the order of the inputs: both are read in
 * portions of several batches, which group examples of similar length. An error names the input by its number, from 0.
 */
export interface Pipeline<T extends PipelineName> {
  (input: PipelineInput<T>, options?: CallOptions<T>): Promise<PipelineOutput<T>>;
  (inputs: readonly PipelineInput<T>[], options?: CallOptions<T>): Promise<PipelineOutput<T>[]>;
  (
    inputs: AsyncIterable<PipelineInput<T>> | Iterable<PipelineInput<T>>,
    options?: CallOptions<T>,
  ): AsyncGenerator<PipelineOutput<T>>;
  readonly task: T;
  /** Whether the native engine runs a recorded graph. */
  readonly compiled: boolean;
  /** Frees the model, unless the caller passed it in, once running calls have ended. Later ones, and reading on in a stream, throw a ConfigError. */
  dispose(): Promise<void>;
}
