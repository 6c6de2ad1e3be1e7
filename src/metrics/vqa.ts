// The official VQA accuracy: leave-one-out score and averages, equal to the official tool's to the last digit.
import { DataError } from '../errors.js';
import { normaliseAnswer, PYTHON_SPACE } from '../processing/answer-normalisation.js';
import { pythonRound } from './python-numbers.js';
import type { VqaAnnotation } from '../records/vqa.js';
import { requireKinds } from '../options.js';

const OUTER_SPACE = new RegExp(`^${PYTHON_SPACE}+|${PYTHON_SPACE}+$`, 'gu');

const trimmed = (text: string): string => text.replace(/[\n\t]/g, ' ').replace(OUTER_SPACE, '');

/**
 * The accuracy of one answer, in [0, 1]: the mean over annotators of min(1, matches among the others / 3).
 * Answers are normalised only when the annotators' answers differ, as in the tool.
 * @example
 * const answers = Array.from({ length: 10 }, (_, i) => ({ answer: i < 3 ? 'red' : 'pink', source: String(i) }));
 * const annotation = { questionId: '1', questionType: 'what color', answerType: 'other', usualAnswer: 'pink', answers };
 * vqaAnswerAccuracy(annotation, 'red'); // 0.9: 2 / 3 for each of the three who answered red, 1 for the others
 */
export function vqaAnswerAccuracy(annotation: VqaAnnotation, prediction: string): number {
  requireKinds('vqaAnswerAccuracy', { 'an object': { annotation }, 'a text': { prediction } });
  let given = trimmed(prediction);
  let answers = annotation.answers.map(({ answer, source }) => ({ answer: trimmed(answer), source }));
  if (new Set(answers.map(({ answer }) => answer)).size > 1) {
    answers = answers.map(({ answer, source }) => ({ answer: normaliseAnswer(answer), source }));
    given = normaliseAnswer(given);
  }
  let sum = 0;
  for (const left of answers) {
    // The tool drops every answer equal to the left-out one in all fields, so answers without ids lose their duplicates.
    const matches = answers.filter(
      (other) => other.answer === given && !(other.answer === left.answer && other.source === left.source),
    );
    sum += Math.min(1, matches.length / 3);
  }
  return sum / answers.length;
}

/** The scores that the evaluation tool prints: percentages rounded to two digits. */
export interface VqaScores {
  overall: number;
  perAnswerType: Record<string, number>;
  perQuestionType: Record<string, number>;
  /** By question id. */
  perQuestion: Record<string, number>;
}

/**
 * Scores predictions (question id -> answer) over all annotations, in the annotations' order.
 * @throws DataError when a question has no prediction, or a prediction has no question.
 * @example
 * const answers = Array.from({ length: 10 }, (_, i) => ({ answer: i < 9 ? 'yes' : 'no', source: String(i) }));
 * const annotation = { questionId: '1', questionType: 'is', answerType: 'yes/no', usualAnswer: 'yes', answers };
 * scoreVqa([annotation], new Map([['1', 'yes']])).overall; // 100: at least three others gave this answer
 */
export function scoreVqa(annotations: readonly VqaAnnotation[], predictions: ReadonlyMap<string, string>): VqaScores {
  requireKinds('scoreVqa', { 'a list': { annotations }, 'a Map': { predictions } });
  const all = new Average();
  const answerTypes = new AverageByName();
  const questionTypes = new AverageByName();
  const perQuestion: Record<string, number> = {};
  const ids = new Set<string>();
  for (const annotation of annotations) {
    const { questionId, answerType, questionType } = annotation;
    const prediction = predictions.get(questionId);
    if (prediction === undefined)
      throw new DataError(`no prediction for question ${questionId}; every question needs one`);
    const accuracy = vqaAnswerAccuracy(annotation, prediction);
    ids.add(questionId);
    all.add(accuracy);
    answerTypes.add(answerType, accuracy);
    questionTypes.add(questionType, accuracy);
    perQuestion[questionId] = pythonRound(100 * accuracy);
  }
  const extra = [...predictions.keys()].find((id) => !ids.has(id));
  if (extra !== undefined) throw new DataError(`prediction for question ${extra}, which the annotations do not have`);
  return {
    overall: all.percent(),
    perAnswerType: answerTypes.percents(),
    perQuestionType: questionTypes.percents(),
    perQuestion,
  };
}

/** A mean of accuracies, summed in the tool's order. */
class Average {
  private sum = 0;
  private count = 0;

  add(value: number): void {
    this.sum += value;
    this.count += 1;
  }

  percent(): number {
    return this.count === 0 ? 0 : pythonRound((100 * this.sum) / this.count);
  }
}

class AverageByName {
  private readonly averages = new Map<string, Average>();

  add(name: string, value: number): void {
    let average = this.averages.get(name);
    if (average === undefined) this.averages.set(name, (average = new Average()));
    average.add(value);
  }

  percents(): Record<string, number> {
    return Object.fromEntries([...this.averages].map(([name, average]) => [name, average.percent()]));
  }
}
