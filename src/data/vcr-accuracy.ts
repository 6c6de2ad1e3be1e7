// VCR's figures: answers, rationales given the right answer, and both right; the leaderboard's CSV.
import { DataError } from '../errors.js';
import type { VcrRecord } from './vcr-records.js';

/** Probabilities of four answers, and of four rationales given each answer. */
export interface VcrPrediction {
  answers?: readonly number[];
  /** By answer; only those that were asked. */
  rationales?: Readonly<Record<number, readonly number[]>>;
}

export interface VcrScores {
  'Q->A'?: number;
  'QA->R'?: number;
  'Q->AR'?: number;
}

/** Shares in percent, of what the predictions hold. @throws DataError for a record without label or prediction. */
export function scoreVcr(records: readonly VcrRecord[], predictions: ReadonlyMap<string, VcrPrediction>): VcrScores {
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
  const percent = (count: number): number => (100 * count) / records.length;
  return {
    ...(hasAnswers ? { 'Q->A': percent(right.answers) } : {}),
    ...(hasRationales ? { 'QA->R': percent(right.rationales) } : {}),
    ...(hasAnswers && hasRationales ? { 'Q->AR': percent(right.both) } : {}),
  };
}

/**
 * The leaderboard's CSV: annot_id, answer_0..3 and rationale_conditioned_on_a0_0..3 to a3_0..3.
 * @throws DataError for a prediction without one of the 20 probabilities.
 */
export function vcrCsv(predictions: ReadonlyMap<string, VcrPrediction>): string {
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

/** Reads prediction lines, `{ annot_id, answers }` and `{ annot_id, rationales: { "0": [...] } }`, of one or several files. */
export function parseVcrPredictions(texts: readonly string[]): Map<string, VcrPrediction> {
  const predictions = new Map<string, VcrPrediction>();
  for (const line of texts.flatMap((text) => text.split('\n')).filter((one) => one.trim() !== '')) {
    const { annot_id: annotId, ...found } = JSON.parse(line) as VcrPrediction & { annot_id: string };
    const known = predictions.get(annotId) ?? {};
    predictions.set(annotId, {
      ...known,
      ...found,
      ...(found.rationales === undefined ? {} : { rationales: { ...known.rationales, ...found.rationales } }),
    });
  }
  return predictions;
}

function indexOfMax(values: readonly number[]): number {
  return values.reduce((best, value, i) => (value > (values[best] as number) ? i : best), 0);
}
