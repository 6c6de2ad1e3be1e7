// The head of a pipeline: what a task adds to the shared machinery, from inputs to results.
import type { VisualBertConfig } from '../config/config.js';
import type { RegionFeatures } from '../features/region-features.js';
import type { ModelClass } from '../models/contract.js';
import type { VisualBertPreTrainedModel } from '../models/pretrained-model.js';
import type { VisualBertProcessor } from '../processing/processor.js';
import type { TaskName } from '../processing/text-forms.js';
import type { RawTensor } from '../raw-tensor.js';
import { sizeOf } from '../shapes.js';
import { bestClasses, softmax } from '../scores.js';
import type { CallOptions, PipelineInput, PipelineName, PipelineOutput } from './contract.js';
import type { AskedInput, PipelineExample } from './example.js';
import type { RegionsOfImage } from './regions.js';

/** The task of one name. */
export interface PipelineDefinition<T extends PipelineName> {
  /** The class that carries its head. */
  Model: ModelClass<VisualBertPreTrainedModel>;
  /** What an input is, for errors. */
  input: string;
  /** Text form of a checkpoint that names none. */
  textForm: TaskName;
  createHead(context: HeadContext): PipelineHead<T>;
}

/** The parts that a head reads inputs with. */
export interface HeadContext {
  processor: VisualBertProcessor;
  config: VisualBertConfig;
  /** The regions of each image, checked and as wide as the model takes them. */
  readImages(regions: RegionsOfImage | readonly RegionsOfImage[]): Promise<RegionFeatures[]>;
}

export interface PipelineHead<T extends PipelineName> {
  encode(input: PipelineInput<T>): Promise<PipelineExample>;
  /** Whether the sequences of an example are choices, along an axis of their own. */
  readonly hasChoices: boolean;
  /** How the head is asked about positions; null when it is not. */
  readonly asked: AskedInput | null;
  /** The result of one example. */
  decode(reading: Reading, options: CallOptions<T>): PipelineOutput<T>;
  /** How its scores are read; null for a task without any. */
  readonly scores: HeadScores | null;
}

/** Where the scores of an example lie: a softmax over classes for each thing that is asked. */
export interface HeadScores {
  /** The name of the model's output. */
  readonly output: string;
  /** A class that is never an answer. */
  readonly excluded: number | null;
  /** How many scores an example has for number `asked` of what is asked, and where they begin in its row of the output. */
  span(example: PipelineExample, asked: number, shape: readonly number[]): { start: number; count: number };
  /** The name of a class. */
  label(index: number, example: PipelineExample): string;
  /** The position whose state the head reads, and of which sequence. */
  readAt(example: PipelineExample, asked: number, index: number): { sequence: number; position: number };
}

/** One example and its row of a batch's outputs. */
export interface Reading {
  example: PipelineExample;
  outputs: Record<string, RawTensor>;
  row: number;
  /** Text positions of the batch, padding included: where the regions begin. */
  textLength: number;
}

/** The scores of number `asked` of what is asked. */
export function scoresOf(scores: HeadScores, { outputs, row, example }: Reading, asked = 0): ArrayLike<number> {
  const { shape, data } = outputs[scores.output] as RawTensor;
  const { start, count } = scores.span(example, asked, shape);
  const offset = row * sizeOf(shape.slice(1)) + start;
  return data.subarray(offset, offset + count);
}

/** The most likely classes with their probabilities, best first. @throws ConfigError for a `topK` below 1 */
export function ranked(
  scores: HeadScores,
  reading: Reading,
  topK: number,
  asked = 0,
): { index: number; score: number }[] {
  return bestClasses(softmax(scoresOf(scores, reading, asked)), topK, scores.excluded);
}

/** All scores of a row, as heads have them that are asked one thing. */
export function wholeRow(
  _example: PipelineExample,
  _asked: number,
  shape: readonly number[],
): { start: number; count: number } {
  return { start: 0, count: sizeOf(shape.slice(1)) };
}
