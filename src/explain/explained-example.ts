// One input of a pipeline with the model's scores, and the answer to explain: its words and regions.
import { ConfigError } from '../errors.js';
import type { PipelineInput, PipelineName } from '../pipelines/contract.js';
import type { CollatedBatch, PipelineAccess } from '../pipelines/create.js';
import { type PipelineExample, regionCount, type Sequence } from '../pipelines/example.js';
import { type ExampleOutputs, type HeadScores, probabilitiesOf, ranked } from '../pipelines/head.js';
import type { ExplainedAnswer } from './contract.js';
import { type Word, wordsOf } from './words.js';

/** An input that the model has answered. */
export interface AnsweredExample {
  access: PipelineAccess<PipelineName>;
  scores: HeadScores;
  example: PipelineExample;
  /** The example alone. */
  batch: CollatedBatch;
  computed: ExampleOutputs;
  /** Index of the phrase or mask. */
  asked: number;
}

/** An input whose answer is explained. */
export interface ExplainedExample extends AnsweredExample {
  /** The explained answer. */
  answer: ExplainedAnswer;
  /** The sequence whose words and regions are scored: of multiple choices that of the answer. */
  sequence: Sequence;
  sequenceIndex: number;
  /** The text position whose state the head reads. */
  position: number;
  words: Word[];
  /** Regions of all images. */
  regions: number;
}

/** Reads an input and runs the model. @throws ConfigError for a task without answers, or an absent phrase or mask */
export async function answeredExample<T extends PipelineName>(
  access: PipelineAccess<T>,
  input: PipelineInput<T>,
  asked = 0,
): Promise<AnsweredExample> {
  const { head, task } = access;
  const { scores } = head;
  if (scores === null) throw new ConfigError(`explain: ${task} gives no answer that could be explained`);
  const example = await head.encode(input);
  const questions = head.asked === null ? 1 : Math.max(1, example.labels.length);
  if (asked >= questions)
    throw new ConfigError(`explain: expected asked from 0 to ${questions - 1}, received ${asked}`);
  const batch = access.collate([example]);
  const [computed] = await access.run(batch);
  if (computed === undefined) throw new ConfigError('explain: expected one input');
  return { access: access as unknown as PipelineAccess<PipelineName>, scores, example, batch, computed, asked };
}

/** The most likely answers, best first. */
export function answersOf({ scores, example, computed, asked }: AnsweredExample, topK: number): ExplainedAnswer[] {
  return ranked(scores, computed, topK, asked).map(({ index, score }) => ({
    label: scores.label(index, example),
    index,
    score,
  }));
}

/** Chooses the answer to explain; default the most likely one. @throws ConfigError for an answer that the model does not have */
export function explainedExample(answered: AnsweredExample, answer?: string | number): ExplainedExample {
  const { access, scores, example, computed, asked } = answered;
  const probabilities = probabilitiesOf(scores, computed, asked);
  const index =
    answer === undefined
      ? (answersOf(answered, 1)[0]?.index ?? 0)
      : classOf(answer, probabilities.length, scores, example);
  const { sequence: sequenceIndex, position } = scores.readAt(example, asked, index);
  const sequence = example.sequences[sequenceIndex] as Sequence;
  return {
    ...answered,
    ...{ sequence, sequenceIndex, position },
    answer: { label: scores.label(index, example), index, score: probabilities[index] as number },
    words: wordsOf(sequence.text.ids, access.processor.tokenizer),
    regions: regionCount(sequence),
  };
}

function classOf(answer: string | number, count: number, scores: HeadScores, example: PipelineExample): number {
  const classes = Array.from({ length: count }, (_, index) => index);
  const found = typeof answer === 'number' ? answer : classes.findIndex((one) => scores.label(one, example) === answer);
  if (classes.includes(found)) return found;
  throw new ConfigError(
    `explain: ${JSON.stringify(answer)} is none of the ${count} answers, such as ${classes
      .slice(0, 3)
      .map((one) => JSON.stringify(scores.label(one, example)))
      .join(', ')}`,
  );
}
