// Accuracy and consistency of NLVR2, as in the official script.
import { DataError } from '../errors.js';
import type { Statement } from '../records/nlvr.js';
import { requireKinds } from '../options.js';

/** Metrics of NLVR2. */
export interface NlvrScores {
  /** Share of correct statements, in [0, 1]. */
  accuracy: number;
  /** Share of sentences that are correct for every pair of pictures, in [0, 1]. */
  consistency: number;
}

/** The key of statements with one sentence about several pairs: the identifier without its third field. */
export function sentenceGroup(identifier: string): string {
  const fields = identifier.split('-');
  if (fields.length > 2) fields[2] = '';
  return fields.join('-');
}

/**
 * Scores predictions (identifier -> true or false).
 * @throws DataError when a statement has no prediction or no label.
 * @see https://github.com/lil-lab/nlvr/blob/master/nlvr2/eval/metrics.py
 * @example
 * const statement = { identifier: 'dev-0-0-0', sentence: 'Both are dogs.', label: true, imageIds: ['a', 'b'] };
 * scoreNlvr([statement], new Map([['dev-0-0-0', true]]));
 */
export function scoreNlvr(statements: readonly Statement[], predictions: ReadonlyMap<string, boolean>): NlvrScores {
  requireKinds('scoreNlvr', { 'a list': { statements }, 'a Map': { predictions } });
  if (statements.length === 0) throw new DataError('nothing to score: there are no statements');
  const isConsistent = new Map<string, boolean>();
  let correct = 0;
  for (const { identifier, label } of statements) {
    const prediction = predictions.get(identifier);
    if (prediction === undefined)
      throw new DataError(`no prediction for statement ${identifier}; every statement needs one`);
    if (label === null) throw new DataError(`statement ${identifier} has no label to score against`);
    const isRight = prediction === label;
    if (isRight) correct += 1;
    const group = sentenceGroup(identifier);
    isConsistent.set(group, (isConsistent.get(group) ?? true) && isRight);
  }
  const consistent = [...isConsistent.values()].filter(Boolean).length;
  return { accuracy: correct / statements.length, consistency: consistent / isConsistent.size };
}

/**
 * Reads the CSV of the leaderboard: `identifier,True|False` a line. As in the official script, the last line of an identifier is used.
 * @throws DataError naming a malformed line.
 */
export function parseNlvrPredictions(text: string, name: string): Map<string, boolean> {
  const predictions = new Map<string, boolean>();
  text.split(/\r?\n/).forEach((line, i) => {
    if (line.trim() === '') return;
    const [identifier = '', prediction = ''] = line.trim().split(',');
    const label = prediction.toLowerCase(); // with a space before it the official script counts it as wrong
    if (identifier === '' || (label !== 'true' && label !== 'false')) {
      throw new DataError(
        `${name}, line ${i + 1}: expected identifier,True or identifier,False, received ${line.slice(0, 60)}`,
      );
    }
    predictions.set(identifier, label === 'true');
  });
  return predictions;
}
