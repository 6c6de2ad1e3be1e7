// Visual question answering: the official accuracy, and result.json of the evaluation server.
import { writeTextAtomic } from '#platform';
import { ConfigError } from '../../errors.js';
import { scoreVqa, vqaAnswerAccuracy } from '../../metrics/vqa.js';
import { buildAnswers } from '../../processing/answer-vocabulary.js';
import type { VqaExample } from '../../records/vqa.js';
import { readVqaExamples } from '../../records/vqa-examples.js';
import type { Splits, TaskExample } from '../shared/datasets.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { VqaOptions } from '../shared/options.js';
import { type AnswerPrediction, openQuestions, type QuestionKind } from './answering-task.js';

export type VqaTaskExample = TaskExample<VqaExample>;

/** Questions and annotations of both splits. */
export async function readVqaSplits(options: VqaOptions): Promise<Splits<VqaExample>> {
  const { questions, annotations, validationQuestions, validationAnnotations } = options;
  return {
    records: await readVqaExamples(questions, annotations),
    validation:
      validationQuestions === undefined ? null : await readVqaExamples(validationQuestions, validationAnnotations),
  };
}

/**
 * Opens VQA data for training, evaluation or prediction.
 * @throws ConfigError when annotations or answers are missing; DataError naming the invalid record.
 */
export async function openVqa(options: VqaOptions, context: TaskContext): Promise<OpenedTask<VqaTaskExample>> {
  const splits = await readVqaSplits(options);
  if (context.purpose !== 'predict' && splits.records.some(({ annotation }) => annotation === null)) {
    throw new ConfigError(`task vqa: to ${context.purpose}, give the annotations of the questions (--annotations)`);
  }
  return openQuestions(vqaKind(options, context), splits, options, context);
}

function vqaKind({ minimumAnswerCount }: VqaOptions, { purpose }: TaskContext): QuestionKind<VqaExample> {
  const answersOf = ({ annotation }: VqaExample): string[] => annotation?.answers.map(({ answer }) => answer) ?? [];
  return {
    task: 'vqa',
    name: ({ questionId }) => `question ${questionId}`,
    id: ({ questionId }) => questionId,
    fingerprint: (record) => `${record.questionId} ${record.imageId} ${record.question} ${answersOf(record).join('|')}`,
    isAnswered: ({ annotation }) => annotation !== null,
    softScores: (record, answers) => answers.softScores(answersOf(record)),
    expected: ({ annotation }) => annotation?.usualAnswer ?? '',
    score: ({ annotation }, answer) => (annotation === null ? 0 : vqaAnswerAccuracy(annotation, answer)),
    metrics: (predictions) => vqaMetrics(predictions, purpose === 'evaluate'),
    write: writeResults,
    buildAnswers: (records) =>
      buildAnswers(
        records.flatMap(({ annotation }) => annotation ?? []),
        { minimumCount: minimumAnswerCount },
      ),
  };
}

/** Percentages of the official tool: `accuracy`, `accuracy (<answer type>)`, and when `byQuestionType` `accuracy "<question type>"`. */
function vqaMetrics(
  predictions: readonly AnswerPrediction<VqaExample>[],
  byQuestionType: boolean,
): Record<string, number> {
  // Questions of several files may share ids.
  const annotations = predictions.flatMap(({ record: { annotation } }, i) =>
    annotation === null ? [] : { ...annotation, questionId: String(i) },
  );
  const answers = new Map(predictions.map(({ answer }, i) => [String(i), answer]));
  const { overall, perAnswerType, perQuestionType } = scoreVqa(annotations, answers);
  const named = (scores: Record<string, number>, left: string, right: string): [string, number][] =>
    Object.entries(scores).map(([type, score]) => [`accuracy ${left}${type}${right}`, score]);
  return {
    accuracy: overall,
    ...Object.fromEntries(named(perAnswerType, '(', ')')),
    ...(byQuestionType ? Object.fromEntries(named(perQuestionType, '"', '"')) : {}),
  };
}

/** `[{ question_id, answer }]`. Numeric ids are written as numbers, for the server; other ids stay texts. */
function writeResults(path: string, predictions: readonly AnswerPrediction<VqaExample>[]): Promise<void> {
  const results = predictions.map(({ record: { questionId }, answer }) => ({
    question_id: /^(0|[1-9]\d{0,14})$/.test(questionId) ? Number(questionId) : questionId,
    answer,
  }));
  return writeTextAtomic(path, `${JSON.stringify(results)}\n`);
}
