// The answers that a model chooses among: built by frequency, or loaded from a list, with the soft scores of annotators' answers.
import { counted, firstOf } from '../words.js';
import { ConfigError, DataError, errorMessage } from '../errors.js';
import { warnOnce } from '../logger.js';
import { bestClasses } from '../scores.js';
import { normaliseAnswer } from './answer-normalisation.js';
import { requireKinds } from '../options.js';

/** The class of all other answers; never predicted. */
export const UNKNOWN_ANSWER = '<unk>';

/** Classes of the authors' VQA head: the lines of Pythia's `answers_vqa.txt`. */
const AUTHORS_ANSWERS = 3129;

/**
 * An ordered list of answers; the index of an answer is its class.
 * @example
 * const answers = new AnswerVocabulary(['<unk>', 'yes', 'no']);
 * const target = answers.softScores(['yes', 'yes', 'no']); // [0, 0.6, 0.3]
 * const [best] = answers.best([0.1, 0.7, 0.2]); // { index: 1, answer: 'yes', score: 0.7 }
 */
export class AnswerVocabulary {
  readonly answers: readonly string[];
  /** The class of `<unk>`, or null. */
  readonly unknownIndex: number | null;
  private readonly indexOf: ReadonlyMap<string, number>;

  /** @throws DataError for an empty list or an answer that occurs twice. */
  constructor(answers: readonly string[], name = 'answers') {
    requireKinds('AnswerVocabulary', { 'a list': { answers } });
    if (answers.length === 0) throw new DataError(`${name}: holds no answers`);
    const indexOf = new Map<string, number>();
    answers.forEach((answer, i) => {
      const before = indexOf.get(answer);
      if (before !== undefined)
        throw new DataError(`${name}: answer ${JSON.stringify(answer)} occurs at ${before} and at ${i}; remove one`);
      indexOf.set(answer, i);
    });
    this.answers = Object.freeze([...answers]);
    this.indexOf = indexOf;
    this.unknownIndex = indexOf.get(UNKNOWN_ANSWER) ?? null;
  }

  get size(): number {
    return this.answers.length;
  }

  /** The class of an answer as written, or normalised; null when it has none. */
  classOf(answer: string): number | null {
    return this.indexOf.get(answer) ?? this.indexOf.get(normaliseAnswer(answer)) ?? null;
  }

  /**
   * Scores of the classes for one question: min(0.3 * annotators who gave the answer, 1); `<unk>` and answers outside the list score 0.
   * `[c] float32`, not normalised to sum to 1, as in the authors' training.
   * @see uclanlp/visualbert `vqa_dataset.py`, compute_answer_scores
   */
  softScores(answers: readonly string[]): Float32Array {
    requireKinds('softScores', { 'a list': { answers } });
    const counts = new Map<number, number>();
    for (const answer of answers) {
      const index = this.classOf(answer);
      if (index !== null && index !== this.unknownIndex) counts.set(index, (counts.get(index) ?? 0) + 1);
    }
    const scores = new Float32Array(this.size);
    for (const [index, count] of counts) scores[index] = Math.min(0.3 * count, 1);
    return scores;
  }

  /** The classes by descending score, without `<unk>`; ties by index. */
  best(scores: ArrayLike<number>, topK = 1): { index: number; answer: string; score: number }[] {
    requireKinds('AnswerVocabulary.best', { 'a list': { scores } });
    if (scores.length !== this.size) {
      throw new DataError(
        `expected scores of ${counted(this.size, 'answer')}, received ${scores.length}; use the answers of this model`,
      );
    }
    return bestClasses(scores, topK, this.unknownIndex).map(({ index, score }) => ({
      index,
      answer: this.answers[index] as string,
      score,
    }));
  }
}

/** Options of `buildAnswers`. */
export interface BuildAnswersOptions {
  /** Maximum number of answers. */
  size?: number;
  /** Minimum number of questions with this as most common answer. 9 gives the usual 3129 on VQA 2.0 train + val. */
  minimumCount?: number;
}

/**
 * The vocabulary of a data set: `<unk>`, then the normalised answers that are the most common one of enough questions, by descending count
 * (ties in the order of their first question).
 * @throws DataError when no answer is frequent enough.
 * @example
 * const annotations = ['yes', 'Yes.', 'no'].map((usualAnswer) => ({ usualAnswer }));
 * buildAnswers(annotations, { minimumCount: 2 }).answers; // ['<unk>', 'yes']
 */
export function buildAnswers(
  annotations: readonly { readonly usualAnswer: string }[],
  options: BuildAnswersOptions = {},
): AnswerVocabulary {
  requireKinds('buildAnswers', { 'a list': { annotations }, 'an object': { options } });
  const { size = Infinity, minimumCount = 9 } = options;
  const counts = new Map<string, number>();
  for (const { usualAnswer } of annotations) {
    const answer = normaliseAnswer(usualAnswer);
    if (answer !== '') counts.set(answer, (counts.get(answer) ?? 0) + 1);
  }
  const kept = [...counts].filter(([, count]) => count >= minimumCount).sort((a, b) => b[1] - a[1]);
  if (kept.length === 0) {
    throw new DataError(
      `no answer is the most common one for ${minimumCount} of the ${counted(annotations.length, 'question')}; lower the minimum count (--minimum-answer-count)`,
    );
  }
  return new AnswerVocabulary([UNKNOWN_ANSWER, ...kept.slice(0, size).map(([answer]) => answer)]);
}

/**
 * Reads a list of answers: a text file with one per line, a JSON array, or a JSON object answer -> class or class -> answer.
 * @throws DataError when it is damaged, or classes are missing or used twice.
 * @example
 * parseAnswers('yes\nno\n', 'answers.txt').classOf('no'); // 1
 */
export function parseAnswers(text: string, name: string): AnswerVocabulary {
  requireKinds('parseAnswers', { 'a text': { text } });
  const plain = text.replace(/^\ufeff/, '');
  if (!/^\s*[[{]/.test(plain)) {
    const lines = plain.replace(/\r?\n$/, '').split(/\r?\n/);
    return new AnswerVocabulary(
      lines.map((line) => line.trim()),
      name,
    );
  }
  const json = parseJson(plain, name);
  if (Array.isArray(json)) return new AnswerVocabulary(json.map(String), name);
  const entries = Object.entries(json as Record<string, unknown>);
  const byClass = entries.every(([key, value]) => /^\d+$/.test(key) && typeof value === 'string');
  const answers: string[] = [];
  for (const [key, value] of entries) {
    const index = Number(byClass ? key : value);
    if (!Number.isInteger(index) || index < 0 || index >= entries.length || answers[index] !== undefined) {
      throw new DataError(
        `${name}: expected each class from 0 to ${entries.length - 1} once, found ${key}: ${String(value)}`,
      );
    }
    answers[index] = byClass ? String(value) : key;
  }
  return new AnswerVocabulary(answers, name);
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new DataError(
      `${name}: expected a list of answers in JSON, or one answer per line; it begins like JSON, but is not (${errorMessage(error)})`,
    );
  }
}

/** The fields of config.json that identify the head of uclanlp/visualbert-vqa, by their camelCase names. */
export interface VqaHeadTraits {
  /** `LABEL_0`, `LABEL_1`, ... where classes have no names. */
  id2label: Readonly<Record<number, string>>;
  visualEmbeddingDim: number;
  hiddenSize: number;
  numHiddenLayers: number;
}

/** Whether classes are called `LABEL_0`, `LABEL_1`, ..., as transformers names unnamed ones. */
export function areUnnamed(id2label: VqaHeadTraits['id2label']): boolean {
  return Object.entries(id2label).every(([id, label]) => label === `LABEL_${id}`);
}

/** The error for a checkpoint without names of answers. @param who the function that needs them. */
export function noAnswerNames(who: string): ConfigError {
  return new ConfigError(
    `${who}: the checkpoint's config.json names no answers (id2label is LABEL_0, LABEL_1, ...); give the list that it was trained with, ` +
      "answers: 'FILE' (one answer per line; for uclanlp/visualbert-vqa the 3129 lines of Pythia's answers_vqa.txt)",
  );
}

/** Whether a model is, or has the sizes of, uclanlp/visualbert-vqa: 3129 classes without names over a base model with features 2048 wide. */
export function isAuthorsVqaHead({
  id2label,
  visualEmbeddingDim,
  hiddenSize,
  numHiddenLayers,
}: VqaHeadTraits): boolean {
  const isBase = hiddenSize === 768 && numHiddenLayers === 12 && visualEmbeddingDim === 2048;
  return isBase && Object.keys(id2label).length === AUTHORS_ANSWERS && areUnnamed(id2label);
}

/**
 * Checks that a list is the one the authors' VQA head was trained with: 3129 answers, `<unk>` first.
 * @throws DataError for any other list; LXMERT's and UNITER's have 3129 answers too, in another order, which would give wrong answers.
 */
export function requireAuthorsAnswers(vocabulary: AnswerVocabulary, name: string): void {
  requireKinds('requireAuthorsAnswers', { 'an object': { vocabulary } });
  const { size, unknownIndex } = vocabulary;
  if (size === AUTHORS_ANSWERS && unknownIndex === 0) return;
  const found =
    size === AUTHORS_ANSWERS
      ? 'it has 3129 answers but no <unk> at the top, as LXMERT (trainval_label2ans.json) and UNITER (ans2label.json) order them'
      : `it has ${counted(size, 'answer')}${unknownIndex === 0 ? '' : ' and no <unk> at the top'}`;
  throw new DataError(
    `${name}: not the answers of the uclanlp VQA head: ${found}. Its answers are the 3129 lines of Pythia's answers_vqa.txt, <unk> first; any other order gives wrong answers without an error. For another model of this size, name its classes in id2label of its config.json`,
  );
}

/**
 * Checks that a list has the answers that a config.json names, in any order. Default names (`LABEL_0`, ...) name nothing.
 * @throws DataError for the list of another model, which would give wrong answers
 */
export function requireNamedAnswers(
  vocabulary: AnswerVocabulary,
  id2label: VqaHeadTraits['id2label'],
  name: string,
): void {
  const listed = new Set(vocabulary.answers);
  const named = Object.entries(id2label).filter(([id, label]) => label !== `LABEL_${id}`);
  const absent = named.filter(([, label]) => !listed.has(label)).map(([, label]) => label);
  if (absent.length === 0) return;
  const labels = new Set(named.map(([, label]) => label));
  const foreign = vocabulary.answers.filter((answer) => !labels.has(answer));
  throw new DataError(
    `${name}: the answers of another model: expected the ${named.length} that the checkpoint's config.json names (id2label), among them ${someAnswers(absent)}, ` +
      `received ${someAnswers(foreign)} in their place; leave the list out`,
  );
}

/** Warns of a list with the answers that a config.json names in another order, which one of the two must have wrong. */
export function warnAboutAnswerOrder(
  { answers }: AnswerVocabulary,
  id2label: VqaHeadTraits['id2label'],
  name: string,
): void {
  const named = Object.entries(id2label).filter(([id, label]) => label !== `LABEL_${id}`);
  const other = named.find(([id, label]) => answers[Number(id)] !== label);
  if (other === undefined) return;
  const [id, label] = other;
  warnOnce(
    `${name}: class ${id} is ${JSON.stringify(answers[Number(id)])} in the given list and ${JSON.stringify(label)} in the checkpoint's ` +
      'config.json; leave the list out, unless the config.json is wrong',
  );
}

/** The first of several answers. */
function someAnswers(answers: readonly string[]): string {
  return firstOf(answers.map((answer) => JSON.stringify(answer)));
}
