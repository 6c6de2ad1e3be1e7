// VCR's scores: answers, rationales given the correct answer, and both; the leaderboard's CSV.
import { DataError } from '../errors.js';
import { readJsonRecords } from '../formats/json.js';
import { asObject, createIdCheck, idField } from '../records/fields.js';
import type { VcrRecord } from '../records/vcr.js';
import { requireKinds } from '../options.js';

/** Probabilities of four answers, and of four rationales given each answer. */
export interface VcrPrediction {
  answers?: readonly number[];
  /** By answer; only those that were predicted. */
  rationales?: Readonly<Record<number, readonly number[]>>;
}

/** One score per kind of question; absent for kinds that were not predicted. */
export interface VcrScores {
  'Q->A'?: number;
  'QA->R'?: number;
  'Q->AR'?: number;
}

/**
 * Percentages of correct predictions, for the kinds that the predictions hold.
 * @throws DataError for a record without label or prediction.
 * @example
 * const records = await readVcr('val.jsonl'); // one, whose answer is 1
 * scoreVcr(records, new Map([['val-0', { answers: [0.1, 0.7, 0.1, 0.1] }]])); // { 'Q->A': 100 }
 */
export function scoreVcr(records: readonly VcrRecord[], predictions: ReadonlyMap<string, VcrPrediction>): VcrScores {
  requireKinds('scoreVcr', { 'a list': { records }, 'a Map': { predictions } });
  const counts = Object.entries(countVcr(records, predictions)) as [keyof VcrScores, number][];
  return Object.fromEntries(counts.map(([name, count]) => [name, (100 * count) / records.length]));
}

/** Number of correct records, for the kinds that the predictions hold. @throws DataError for a record without label or prediction. */
export function countVcr(records: readonly VcrRecord[], predictions: ReadonlyMap<string, VcrPrediction>): VcrScores {
  if (records.length === 0) throw new DataError('nothing to score: there are no annotations');
  const right = { answers: 0, rationales: 0, both: 0 };
  let [hasAnswers, hasRationales] = [true, true];
  for (const { annotId, answerLabel, rationaleLabel } of records) {
    const prediction = predictions.get(annotId);
    if (answerLabel === null || rationaleLabel === null)
      throw new DataError(`annotation ${annotId} has no labels to score against`);
    if (prediction === undefined)
      throw new DataError(`no prediction for annotation ${annotId}; every annotation needs one`);
    const rationales = prediction.rationales?.[answerLabel];
    hasAnswers &&= prediction.answers !== undefined;
    hasRationales &&= rationales !== undefined;
    const answerIsRight = prediction.answers !== undefined && indexOfMax(prediction.answers) === answerLabel;
    const rationaleIsRight = rationales !== undefined && indexOfMax(rationales) === rationaleLabel;
    right.answers += Number(answerIsRight);
    right.rationales += Number(rationaleIsRight);
    right.both += Number(answerIsRight && rationaleIsRight);
  }
  return {
    ...(hasAnswers ? { 'Q->A': right.answers } : {}),
    ...(hasRationales ? { 'QA->R': right.rationales } : {}),
    ...(hasAnswers && hasRationales ? { 'Q->AR': right.both } : {}),
  };
}

/**
 * The leaderboard's CSV: annot_id, answer_0..3 and rationale_conditioned_on_a0_0..3 to a3_0..3.
 * @throws DataError for a prediction without one of the 20 probabilities.
 * @example
 * const each = [0.7, 0.1, 0.1, 0.1];
 * vcrCsv(new Map([['test-0', { answers: each, rationales: { 0: each, 1: each, 2: each, 3: each } }]]));
 */
export function vcrCsv(predictions: ReadonlyMap<string, VcrPrediction>): string {
  requireKinds('vcrCsv', { 'a Map': { predictions } });
  const four = [0, 1, 2, 3];
  const header = [
    'annot_id',
    ...four.map((i) => `answer_${i}`),
    ...four.flatMap((a) => four.map((i) => `rationale_conditioned_on_a${a}_${i}`)),
  ];
  const rows = Array.from(predictions, ([annotId, { answers, rationales }]) => {
    const values = [...(answers ?? []), ...four.flatMap((a) => rationales?.[a] ?? [])];
    if (values.length !== 20)
      throw new DataError(
        `annotation ${annotId}: the CSV needs 4 + 16 probabilities, found ${values.length}; predict answers and rationales for every answer`,
      );
    return [annotId, ...values].join(',');
  });
  return `${[header.join(','), ...rows].join('\n')}\n`;
}

/**
 * Reads prediction lines, `{ annot_id, answers }` and `{ annot_id, rationales: { "0": [...] } }`, of one or several files.
 * @throws DataError naming a malformed line, or one that repeats another.
 */
export async function readVcrPredictions(paths: readonly string[]): Promise<Map<string, VcrPrediction>> {
  const predictions = new Map<string, VcrPrediction>();
  const requireNew = createIdCheck('the prediction of');
  for (const record of (await Promise.all(paths.map((path) => readJsonRecords(path)))).flat()) {
    const { where } = record;
    const object = asObject(record);
    const annotId = idField(object, 'annot_id', where);
    const known = predictions.get(annotId) ?? {};
    const { answers, rationales } = object;
    if (answers === undefined && rationales === undefined)
      throw new DataError(`${where}: expected answers or rationales, found ${Object.keys(object).join(', ')}`);
    if (answers !== undefined) requireNew(`the answers of ${annotId}`, where);
    const byAnswer = Object.entries(rationales === undefined ? {} : asObject({ value: rationales, where })).map(
      ([answer, values]) => {
        if (!/^[0-3]$/.test(answer))
          throw new DataError(`${where}: expected rationales by answer 0 to 3, found ${answer}`);
        requireNew(`the rationales of ${annotId} given answer ${answer}`, where);
        return [answer, fourNumbers(values, `rationales ${answer}`, where)] as const;
      },
    );
    predictions.set(annotId, {
      ...known,
      ...(answers === undefined ? {} : { answers: fourNumbers(answers, 'answers', where) }),
      ...(byAnswer.length === 0 ? {} : { rationales: { ...known.rationales, ...Object.fromEntries(byAnswer) } }),
    });
  }
  return predictions;
}

function fourNumbers(values: unknown, what: string, where: string): number[] {
  if (Array.isArray(values) && values.length === 4 && values.every(Number.isFinite)) return values as number[];
  throw new DataError(`${where}: expected ${what} as four numbers, received ${JSON.stringify(values).slice(0, 60)}`);
}

function indexOfMax(values: readonly number[]): number {
  return values.reduce((best, value, i) => (value > (values[best] as number) ? i : best), 0);
}
