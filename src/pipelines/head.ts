// The head of a pipeline: the part of a task, from inputs to results, that is not shared.
import { DataError } from '../errors.js';
import type { VisualBertConfig } from '../config/config.js';
import type { RegionFeatures } from '../features/region-features.js';
import type { ModelClass } from '../models/contract.js';
import type { VisualBertPreTrainedModel } from '../models/pretrained-model.js';
import type { VisualBertProcessor } from '../processing/processor.js';
import type { TextFormName } from '../processing/text-forms.js';
import type { RawTensor } from '../raw-tensor.js';
import { sizeOf } from '../shapes.js';
import { bestClasses, softmax } from '../scores.js';
import type { CallOptions, PipelineInput, PipelineName, PipelineOutput } from './contract.js';
import type { AskedInput, PipelineExample } from './example.js';
import type { RegionsOfImage } from './regions.js';

/** The definition of a task. */
export interface PipelineDefinition<T extends PipelineName> {
  /** The model class with its head. */
  Model: ModelClass<VisualBertPreTrainedModel>;
  /** The parts of an input, and whether each is required. */
  input: { readonly [K in keyof PipelineInput<T>]-?: boolean };
  /** Text form for checkpoints without one. */
  textForm: TextFormName;
  createHead(context: HeadContext): PipelineHead<T>;
}

/** The parts that a head encodes inputs with. */
export interface HeadContext {
  processor: VisualBertProcessor;
  config: VisualBertConfig;
  /** The regions of each image, checked, with the width that the model reads. */
  readImages(regions: RegionsOfImage | readonly RegionsOfImage[]): Promise<RegionFeatures[]>;
}

export interface PipelineHead<T extends PipelineName> {
  encode(input: PipelineInput<T>): Promise<PipelineExample>;
  /** Whether the sequences of an example are choices, with an axis of their own. */
  readonly hasChoices: boolean;
  /** The input with the predicted positions; null when there is none. */
  readonly asked: AskedInput | null;
  /** The result of one example. */
  decode(computed: ExampleOutputs, options: CallOptions<T>): PipelineOutput<T>;
  /** How to read its scores; null for a task without scores. */
  readonly scores: HeadScores | null;
}

/** The location of an example's scores: a softmax over classes for each question, phrase or mask. */
export interface HeadScores {
  /** The name of the model's output. */
  readonly output: string;
  /** A class that is never an answer. */
  readonly excluded: number | null;
  /** Number of scores for question `asked` of an example, and their start in its row of the output. */
  span(example: PipelineExample, asked: number, shape: readonly number[]): { start: number; count: number };
  /** The name of a class. */
  label(index: number, example: PipelineExample): string;
  /** The position whose state the head reads, and its sequence. */
  readAt(example: PipelineExample, asked: number, index: number): { sequence: number; position: number };
}

/** One example and its row of a batch's outputs. */
export interface ExampleOutputs {
  example: PipelineExample;
  outputs: Record<string, RawTensor>;
  row: number;
  /** Text positions of the batch, padding included: the position of the first region. */
  textLength: number;
}

/** The scores of question `asked`. */
export function scoresOf(scores: HeadScores, { outputs, row, example }: ExampleOutputs, asked = 0): ArrayLike<number> {
  const { shape, data } = outputs[scores.output] as RawTensor;
  const { start, count } = scores.span(example, asked, shape);
  const offset = row * sizeOf(shape.slice(1)) + start;
  return data.subarray(offset, offset + count);
}

/** The probabilities of question `asked`. @throws DataError where the model computed no numbers */
export function probabilitiesOf(scores: HeadScores, computed: ExampleOutputs, asked = 0): Float64Array {
  const probabilities = softmax(scoresOf(scores, computed, asked));
  if (probabilities.every(Number.isFinite)) return probabilities;
  throw new DataError(
    'regions: expected features of the size that detectors write, received some with which the model overflows float32, so that it gives no scores; ' +
      'extract the image again (if other images fail too, the weights of the model are damaged)',
  );
}

/** The most likely classes with their probabilities, best first. @throws ConfigError for a `topK` below 1, DataError as `probabilitiesOf` */
export function ranked(
  scores: HeadScores,
  computed: ExampleOutputs,
  topK: number,
  asked = 0,
): { index: number; score: number }[] {
  return bestClasses(probabilitiesOf(scores, computed, asked), topK, scores.excluded);
}

/** All scores of a row, for heads with one question per example. */
export function wholeRow(
  _example: PipelineExample,
  _asked: number,
  shape: readonly number[],
): { start: number; count: number } {
  return { start: 0, count: sizeOf(shape.slice(1)) };
}
