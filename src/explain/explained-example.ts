// One input of a pipeline with the answer to explain: its words and regions, and the model's scores.
import { ConfigError } from '../errors.js';
import type { PipelineInput, PipelineName, Pipeline } from '../pipelines/contract.js';
import { accessTo, type PipelineAccess } from '../pipelines/create.js';
import { type PipelineExample, regionCount, type Sequence } from '../pipelines/example.js';
import { type HeadScores, ranked, scoresOf } from '../pipelines/head.js';
import { DEFAULT_TOP_K, softmax } from '../scores.js';
import type { ExplainedAnswer, ExplainOptions } from './contract.js';
import { type Word, wordsOf } from './words.js';

/** What is explained. */
export type Subject = Pick<ExplainOptions, 'answer' | 'asked' | 'topK'>;

/** An input whose answer is explained. */
export interface ExplainedExample {
  access: PipelineAccess<PipelineName>;
  scores: HeadScores;
  example: PipelineExample;
  /** Index of the phrase or mask. */
  asked: number;
  /** The explained answer. */
  answer: ExplainedAnswer;
  answers: ExplainedAnswer[];
  /** The sequence whose words and regions are scored: of multiple choices that of the answer. */
  sequence: Sequence;
  sequenceIndex: number;
  /** The text position whose state the head reads. */
  position: number;
  words: Word[];
  /** Regions of all images. */
  regions: number;
}

/**
 * Reads an input and chooses the answer to explain.
 * @throws ConfigError for a task without answers, an answer that the model does not have, or an absent phrase or mask
 */
export async function explainedExample<T extends PipelineName>(
  pipeline: Pipeline<T>,
  input: PipelineInput<T>,
  { answer, asked = 0, topK = DEFAULT_TOP_K }: Subject,
): Promise<ExplainedExample> {
  const access = accessTo(pipeline);
  const { head, processor, task } = access;
  const { scores } = head;
  if (scores === null) throw new ConfigError(`explain: ${task} gives no answer that could be explained`);
  const example = await head.encode(input);
  const questions = head.asked === null ? 1 : Math.max(1, example.labels.length);
  if (asked >= questions)
    throw new ConfigError(`explain: expected asked from 0 to ${questions - 1}, received ${asked}`);
  const [computed] = await access.run(access.collate([example]));
  if (computed === undefined) throw new ConfigError('explain: expected one input');
  const described = ({ index, score }: { index: number; score: number }): ExplainedAnswer => ({
    label: scores.label(index, example),
    index,
    score,
  });
  const answers = ranked(scores, computed, topK, asked).map(described);
  const probabilities = softmax(scoresOf(scores, computed, asked));
  const index =
    answer === undefined ? (answers[0]?.index ?? 0) : classOf(answer, probabilities.length, scores, example);
  const { sequence: sequenceIndex, position } = scores.readAt(example, asked, index);
  const sequence = example.sequences[sequenceIndex] as Sequence;
  return {
    access: access as unknown as PipelineAccess<PipelineName>,
    ...{ scores, example, asked, answers, sequence, sequenceIndex, position },
    answer: described({ index, score: probabilities[index] as number }),
    words: wordsOf(sequence.text.ids, processor.tokenizer),
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
