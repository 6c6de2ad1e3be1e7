// Scores result files against annotations: the figures of the official tools, printed as they print them.
import { readText, writeTextAtomic } from '#platform';
import { parseNlvrPredictions, scoreNlvr } from '../data/nlvr-accuracy.js';
import { readNlvr2 } from '../data/nlvr-records.js';
import { scoreVqa } from '../data/vqa-accuracy.js';
import { parseVcrPredictions, scoreVcr, vcrCsv } from '../data/vcr-accuracy.js';
import { readVcr } from '../data/vcr-records.js';
import { readVqaAnnotations, readVqaResults } from '../data/vqa-records.js';

/** Scores as data and as the lines of the official tool. */
export interface ScoreReport {
  scores: object;
  text: string;
}

/**
 * Scores a `result.json` of VQA (also VizWiz and TextVQA in that layout).
 * @throws DataError when a question has no result, or a result no question.
 */
export async function scoreVqaFile(results: string, annotations: string): Promise<ScoreReport> {
  const scores = scoreVqa(await readVqaAnnotations(annotations), await readVqaResults(results));
  const lines = (title: string, accuracies: Record<string, number>): string[] => [
    `Per ${title} Type Accuracy is the following:`,
    ...Object.entries(accuracies).map(([type, accuracy]) => `${type} : ${accuracy.toFixed(2)}`),
    '',
  ];
  const text = [
    `Overall Accuracy is: ${scores.overall.toFixed(2)}`,
    '',
    ...lines('Question', scores.perQuestionType),
    ...lines('Answer', scores.perAnswerType),
  ].join('\n');
  return { scores, text };
}

/** Scores a CSV of NLVR2 predictions. @throws DataError when a statement has no prediction. */
export async function scoreNlvr2File(predictions: string, data: string): Promise<ScoreReport> {
  const scores = scoreNlvr(await readNlvr2(data), parseNlvrPredictions(await readText(predictions), predictions));
  return { scores, text: `accuracy=${pythonFloat(scores.accuracy)}\nconsistency=${pythonFloat(scores.consistency)}\n` };
}

/**
 * Scores VCR predictions (lines of answers, of rationales, or both) and writes the leaderboard's CSV when a path is given. Without `data`
 * (test sets have no labels) only the CSV is written.
 * @throws DataError when an annotation has no prediction or, for the CSV, not all 20 probabilities.
 */
export async function scoreVcrFiles(
  predictionFiles: readonly string[],
  { data, csv }: { data?: string; csv?: string },
): Promise<ScoreReport> {
  const predictions = parseVcrPredictions(await Promise.all(predictionFiles.map(readText)));
  if (csv !== undefined) await writeTextAtomic(csv, vcrCsv(predictions));
  const scores = data === undefined ? {} : scoreVcr(await readVcr(data), predictions);
  const lines = Object.entries(scores).map(([name, score]) => `${name}: ${(score as number).toFixed(2)}`);
  return { scores, text: lines.join('\n') };
}

/** A float as Python prints it. */
function pythonFloat(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}
