// Computes the metrics of result files against annotations, with the output of the official tools.
import { readText, writeTextAtomic } from '#platform';
import { type Box, matchingRegions } from '../boxes.js';
import { readJsonRecords } from '../formats/json.js';
import { parseNlvrPredictions, scoreNlvr } from './nlvr.js';
import { readNlvr2 } from '../records/nlvr.js';
import { openRegionFeatures } from '../features/open.js';
import { PhraseRecall } from './phrases.js';
import { readFlickrEntities } from '../records/flickr.js';
import { pythonFixed, pythonFloat } from './python-numbers.js';
import { aboutFiles, asObject, idField, listField } from '../records/fields.js';
import { scoreVqa } from './vqa.js';
import { countVcr, readVcrPredictions, scoreVcr, vcrCsv } from './vcr.js';
import { readVcr } from '../records/vcr.js';
import { readVqaAnnotations, readVqaResults } from '../records/vqa.js';
import { DataError } from '../errors.js';
import { requireKinds, requireOptions, requirePath } from '../options.js';

/** Metrics as data and as the lines of the official tool. */
export interface ScoreReport {
  scores: object;
  text: string;
}

/**
 * Scores a `result.json` of VQA (also VizWiz and TextVQA in that layout).
 * @throws DataError when a question has no result, or a result has no question.
 * @example
 * const { scores } = await scoreVqaFile('result.json', 'annotations.json');
 * scores.overall; // 100
 */
export async function scoreVqaFile(results: string, annotations: string): Promise<ScoreReport> {
  const [annotated, answers] = [await readVqaAnnotations(annotations), await readVqaResults(results)];
  const scores = aboutFiles([results], () => scoreVqa(annotated, answers));
  const lines = (title: string, accuracies: Record<string, number>): string[] => [
    `Per ${title} Type Accuracy is the following:`,
    ...Object.entries(accuracies).map(([type, accuracy]) => `${type} : ${pythonFixed(accuracy)}`),
    '',
    '',
  ];
  const text = [
    `Overall Accuracy is: ${pythonFixed(scores.overall)}`,
    '',
    ...lines('Question', scores.perQuestionType),
    ...lines('Answer', scores.perAnswerType),
  ].join('\n');
  return { scores, text };
}

/**
 * Scores a CSV of NLVR2 predictions.
 * @throws DataError when a statement has no prediction.
 * @example
 * const { scores } = await scoreNlvr2File('predictions.csv', 'nlvr2/dev.json'); // { accuracy: 1, consistency: 1 }
 */
export async function scoreNlvr2File(predictions: string, data: string): Promise<ScoreReport> {
  const statements = await readNlvr2(data);
  const labels = parseNlvrPredictions(await readText(predictions), predictions);
  const scores = aboutFiles([predictions], () => scoreNlvr(statements, labels));
  return { scores, text: `accuracy=${pythonFloat(scores.accuracy)}\nconsistency=${pythonFloat(scores.consistency)}\n` };
}

/**
 * Scores VCR predictions (lines of answers, of rationales, or both) and writes the leaderboard's CSV when a path is given. Without `data`
 * (test sets have no labels) only the CSV is written.
 * @throws DataError when an annotation has no prediction or, for the CSV, not all 20 probabilities.
 * @example
 * const { scores } = await scoreVcrFiles(['answers.jsonl', 'rationales.jsonl'], { data: 'val.jsonl' });
 * scores['Q->AR']; // 0: the answer is correct, the rationale is not
 */
export async function scoreVcrFiles(
  predictionFiles: readonly string[],
  options: { data?: string; csv?: string },
): Promise<ScoreReport> {
  requireOptions('scoreVcrFiles', options);
  requireKinds('scoreVcrFiles', { 'a list': { predictionFiles } });
  const { data, csv } = options;
  const predictions = await readVcrPredictions(predictionFiles);
  if (csv !== undefined)
    await writeTextAtomic(
      csv,
      aboutFiles(predictionFiles, () => vcrCsv(predictions)),
    );
  if (data === undefined) return { scores: {}, text: '' };
  const records = await readVcr(data);
  const counts = aboutFiles(predictionFiles, () => countVcr(records, predictions));
  const lines = VCR_LINES.flatMap(([name, title]) => {
    const count = counts[name];
    return count === undefined ? [] : [`${title} ${pythonFixed(count / records.length, 3)}`];
  });
  return { scores: scoreVcr(records, predictions), text: lines.join('\n') };
}

/** The output of rowanz/r2c `models/eval_q2ar.py`: shares with three digits. */
const VCR_LINES = [
  ['Q->A', 'Answer acc:   '],
  ['QA->R', 'Rationale acc:'],
  ['Q->AR', 'Joint acc:    '],
] as const;

/**
 * Scores lines of `{ id, phrase, boxes }`, boxes best first, against Flickr30k Entities: R@1, R@5, R@10, and with region features the upper
 * bound; over all phrases and by type.
 * @throws DataError when a phrase has no prediction, or its boxes are malformed.
 * @example
 * const given = { entities: 'flickr30k_entities', split: 'test.txt', features: ['features.vbf'] };
 * const { scores } = await scoreFlickrFile('boxes.jsonl', given);
 * scores['R@1']; // 100
 * @see jnhwkim/ban-vqa `train_flickr.py` (recall, upper bound) and ashkamath/mdetr `datasets/flickr_eval.py` (by type)
 */
export async function scoreFlickrFile(
  predictions: string,
  options: { entities: string; split: string; features?: readonly string[] },
): Promise<ScoreReport> {
  requireOptions('scoreFlickrFile', options);
  const { entities, split, features } = options;
  requirePath('scoreFlickrFile (entities)', entities);
  const predicted = await readPhraseBoxes(predictions);
  const source = features === undefined ? null : await openRegionFeatures(features);
  const recall = new PhraseRecall();
  try {
    for (const { id, imageId, phrases } of await readFlickrEntities(entities, split)) {
      const regions = source === null ? undefined : (await source.read(imageId)).boxes;
      phrases.forEach(({ boxes, types }, phrase) => {
        const named = predicted.get(id)?.get(String(phrase));
        if (named === undefined) throw new DataError(`${predictions}: no prediction for phrase ${phrase} of ${id}`);
        const found = matchingRegions(boxes, named);
        const isFindable = regions === undefined ? found.length > 0 : matchingRegions(boxes, regions).length > 0;
        recall.add([...Array(named.length / 4).keys()], isFindable && found.length === 0 ? [Infinity] : found, types);
      });
    }
  } finally {
    await source?.close();
  }
  const shown = ({ 'upper bound': bound, ...recalls }: Record<string, number>): Record<string, number> =>
    source === null || bound === undefined ? recalls : { ...recalls, 'upper bound': bound };
  const overall = shown(recall.compute());
  const perPhraseType = Object.fromEntries(
    Object.entries(recall.computeByType()).map(([type, scores]) => [type, shown(scores)]),
  );
  const text = [
    ...Object.entries(overall).map(([name, percent]) => `${name}: ${pythonFixed(percent)}`),
    '',
    `Per phrase type: ${Object.keys(overall).join(', ')}`,
    ...Object.entries(perPhraseType).map(([type, { phrases, ...percents }]) => {
      const values = Object.values(percents).map((percent) => pythonFixed(percent));
      return `${type} : ${values.join(' ')} (${phrases} phrases)`;
    }),
  ].join('\n');
  return { scores: { ...overall, perPhraseType }, text };
}

/** The boxes of each phrase, flat, by the id of its sentence and its number. */
async function readPhraseBoxes(path: string): Promise<ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>> {
  const found = new Map<string, Map<string, readonly number[]>>();
  for (const record of await readJsonRecords(path)) {
    const object = asObject(record);
    const boxes = listField(object, 'boxes', record.where) as Box[];
    const isBox = (box: unknown): boolean => Array.isArray(box) && box.length === 4 && box.every(Number.isFinite);
    if (!boxes.every(isBox)) throw new DataError(`${record.where}: expected boxes as lists of four numbers`);
    const id = idField(object, 'id', record.where);
    const phrase = idField(object, 'phrase', record.where);
    const ofSentence = found.get(id) ?? new Map<string, readonly number[]>();
    if (ofSentence.has(phrase)) throw new DataError(`${record.where}: a second prediction for the same phrase`);
    found.set(id, ofSentence.set(phrase, boxes.flat()));
  }
  return found;
}
