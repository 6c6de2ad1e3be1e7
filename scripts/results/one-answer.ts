// Formats the answers of a checkpoint of any task for the terminal and as JSON.
import type { AnyOneInput } from '../../src/node.js';
import { percent } from '../flags/one-input.js';

/** Answers, best first; one list per mask. */
export interface FoundAnswers {
  /** The position of the mask in the text. */
  position?: number;
  answers: { answer: string; score: number }[];
}

/** The answers of a checkpoint of any task; one list per mask. */
export async function answersOf(opened: AnyOneInput, topK?: number): Promise<FoundAnswers[]> {
  switch (opened.task) {
    case 'visual-question-answering': {
      const found = await opened.pipeline(opened.input, { topK });
      return [{ answers: found.map(({ answer, score }) => ({ answer, score })) }];
    }
    case 'visual-reasoning': {
      const found = await opened.pipeline(opened.input, { topK });
      return [{ answers: found.map(({ label, score }) => ({ answer: label, score })) }];
    }
    case 'visual-multiple-choice': {
      const found = await opened.pipeline(opened.input, { topK });
      return [{ answers: found.map(({ choice, score }) => ({ answer: choice, score })) }];
    }
    case 'fill-mask': {
      const found = await opened.pipeline(opened.input, { topK });
      return found.map(({ position, words }) => ({
        position,
        answers: words.map(({ word, score }) => ({ answer: word, score })),
      }));
    }
    case 'image-text-matching': {
      const { score } = await opened.pipeline(opened.input);
      return [{ answers: [{ answer: 'matches', score }] }];
    }
    case 'phrase-grounding':
    case 'feature-extraction':
      throw new Error('This checkpoint is for phrase grounding: use `visualbert ground`.');
  }
}

/** One line per answer; with several masks, the position before the answers of each. */
export function answerLines(found: readonly FoundAnswers[]): string[] {
  return found.flatMap(({ position, answers }) => [
    ...(found.length > 1 ? [`[MASK] at position ${position}`] : []),
    ...answers.map(({ answer, score }) => `${percent(score)}  ${answer}`),
  ]);
}

/** The fields of a JSON result: `answers`, or `masks` if there are several masks. */
export function answerFields(found: readonly FoundAnswers[]): object {
  return found.length > 1 ? { masks: found } : { ...found[0] };
}
