// Statements about pictures as two classes, False and True: accuracy, consistency and the CSV of NLVR2's leaderboard.
import { writeTextAtomic } from '#platform';
import { scoreNlvr } from '../../metrics/nlvr.js';
import type { Statement } from '../../records/nlvr.js';
import type { ClassificationJudge, ClassifiedExample, ClassifiedText } from './classification-task.js';

export interface StatementRecord extends ClassifiedText {
  statement: Statement;
}

export type StatementExample = ClassifiedExample<StatementRecord>;

/** The authors' class 1 is true. */
export const STATEMENT_CLASSES = ['False', 'True'];

/** Statements as texts to classify. */
export function statementRecords(statements: readonly Statement[]): StatementRecord[] {
  return statements.map((statement) => {
    const { identifier: id, sentence: text, imageIds, label } = statement;
    return { statement, id, text, imageIds, classIndex: label === null ? null : Number(label) };
  });
}

/** Percentages, with consistency where sentences are asked of several pairs; `identifier,True|False` lines. */
export function statementJudge(hasPairs: boolean): ClassificationJudge<StatementRecord> {
  return {
    metrics: (predictions) => {
      const { accuracy, consistency } = scoreNlvr(
        predictions.map(({ record }) => record.statement),
        new Map(predictions.map(({ record, predicted }) => [record.id, predicted === 1])),
      );
      return { accuracy: 100 * accuracy, ...(hasPairs ? { consistency: 100 * consistency } : {}) };
    },
    write: (path, predictions) =>
      writeTextAtomic(
        path,
        predictions.map(({ record, predicted }) => `${record.id},${STATEMENT_CLASSES[predicted]}\n`).join(''),
      ),
  };
}
