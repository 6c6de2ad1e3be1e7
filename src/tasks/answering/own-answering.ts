// Questions of own JSON lines, with soft scores of their answers.
import { writeTextAtomic } from '#platform';
import { AnswerVocabulary } from '../../processing/answer-vocabulary.js';
import { type AnsweringRecord, readOwnRecords } from '../../records/own.js';
import { readAll, readSplits, type TaskExample } from '../shared/datasets.js';
import { requireLabels } from '../shared/labels.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { AnsweringOptions } from '../shared/options.js';
import { jsonLines } from '../shared/predictions.js';
import { openQuestions, type QuestionKind } from './answering-task.js';

/** Opens own questions. @throws ConfigError when required answers are missing; DataError for invalid records. */
export async function openAnswering(
  options: AnsweringOptions,
  context: TaskContext,
): Promise<OpenedTask<TaskExample<AnsweringRecord>>> {
  const splits = await readSplits(
    (paths) => readAll(paths, (path) => readOwnRecords('answering', path)),
    options.data,
    options.validationData,
  );
  requireLabels(splits.records, {
    task: 'answering',
    purpose: context.purpose,
    what: 'answers',
    isLabelled: OWN_QUESTIONS.isAnswered,
    name: OWN_QUESTIONS.name,
  });
  return openQuestions(OWN_QUESTIONS, splits, options, context);
}

const scoreOf = ({ scores }: AnsweringRecord, answer: string): number => scores?.get(answer) ?? 0;

const OWN_QUESTIONS: QuestionKind<AnsweringRecord> = {
  task: 'answering',
  name: ({ where, id }) => where ?? `record ${id}`,
  id: ({ id }) => id,
  fingerprint: ({ id, imageId, question, scores }) =>
    `${id} ${imageId} ${question} ${JSON.stringify([...(scores ?? [])])}`,
  isAnswered: ({ scores }) => scores !== null,
  softScores: ({ scores }, answers) => {
    const soft = new Float32Array(answers.size);
    for (const [answer, score] of scores ?? []) {
      const index = answers.classOf(answer);
      if (index !== null && index !== answers.unknownIndex) soft[index] = score;
    }
    return soft;
  },
  expected: ({ scores }) =>
    [...(scores ?? [])].reduce((best, one) => (one[1] > best[1] ? one : best), ['', -1] as [string, number])[0],
  score: scoreOf,
  metrics: (predictions) => {
    const sum = predictions.reduce((total, { record, answer }) => total + scoreOf(record, answer), 0);
    return { accuracy: (100 * sum) / predictions.length };
  },
  write: (path, predictions) =>
    writeTextAtomic(path, jsonLines(predictions.map(({ record, answer }) => ({ id: record.id, answer })))),
  buildAnswers: (records) => {
    const counts = new Map<string, number>();
    for (const { scores } of records)
      for (const answer of scores?.keys() ?? []) counts.set(answer, (counts.get(answer) ?? 0) + 1);
    const commonestFirst = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    return new AnswerVocabulary(commonestFirst.map(([answer]) => answer));
  },
};
