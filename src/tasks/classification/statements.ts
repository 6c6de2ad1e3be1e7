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

export function statementRecord(statement: Statement): StatementRecord {
  const { identifier: id, sentence: text, imageIds, label } = statement;
  return { statement, id, text, imageIds, classIndex: label === null ? null : Number(label) };
}

/** Percentages, with consistency where sentences are asked of several pairs; `identifier,True|False` lines. */
export function statementJudge(hasPairs: boolean): ClassificationJudge<StatementRecord> {
  return {
    figures: (records, predicted) => {
      const predictions = new Map(records.map(({ id }, i) => [id, predicted[i] === 1]));
      const { accuracy, consistency } = scoreNlvr(
        records.map(({ statement }) => statement),
        predictions,
      );
      return { accuracy: 100 * accuracy, ...(hasPairs ? { consistency: 100 * consistency } : {}) };
    },
    write: (path, records, predicted) =>
      writeTextAtomic(path, records.map(({ id }, i) => `${id},${predicted[i] === 1 ? 'True' : 'False'}\n`).join('')),
  };
}
