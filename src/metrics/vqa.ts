// The official VQA accuracy: answer normalisation, leave-one-out score and averages, equal to the evaluation tool's to the last digit.
import { DataError } from '../errors.js';
import { roundHalfEven } from './python-numbers.js';
import type { VqaAnnotation } from '../records/vqa.js';

// Python's idea of white space, which `str.split()` and `str.strip()` use; JavaScript's \s has other members.
const SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const SPACES = new RegExp(`${SPACE}+`, 'u');
const OUTER_SPACE = new RegExp(`^${SPACE}+|${SPACE}+$`, 'gu');

const PUNCTUATION = [...';/[]"{}()=+\\_-><@`,?!'];
const COMMA_IN_NUMBER = /\p{Nd},\p{Nd}/u;
const FULL_STOP = /\.(?!\p{Nd})/gu;
const FULL_STOP_LIMIT = 32; // the tool passes re.UNICODE (32) where the number of replacements is expected

const NUMBER_WORDS = new Map(
  'none zero one two three four five six seven eight nine ten'
    .split(' ')
    .map((word, i) => [word, String(Math.max(0, i - 1))]),
);
const ARTICLES = new Set(['a', 'an', 'the']);

// Every spelling of these with exactly one apostrophe missing is restored.
const CONTRACTED =
  `ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've
  he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've needn't not've o'clock oughtn't
  'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's someone'd someone'd've someone'll
  someone's something'd something'd've something'll that's there'd there'd've there're there's they'd they'd've they'll they're they've
  'twas wasn't we'd've we've weren't what'll what're what's what've when's where'd where's where've who'd who'd've who'll who's who've
  why'll why're why's won't would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've`.split(
    /\s+/,
  );
const CONTRACTIONS = new Map<string, string>([
  ...CONTRACTED.flatMap((word) =>
    [...word.matchAll(/'/g)].map(({ index }): [string, string] => [word.slice(0, index) + word.slice(index + 1), word]),
  ),
  // Two slips of the tool's table, which scores must share.
  ["somebody'd", 'somebodyd'],
  ['someonell', "someone'll"],
]);

/** Removes or spaces out punctuation, as the tool's first step does. */
function stripPunctuation(text: string): string {
  const joinAll = COMMA_IN_NUMBER.test(text);
  let result = text;
  for (const mark of PUNCTUATION) {
    const join = joinAll || text.includes(`${mark} `) || text.includes(` ${mark}`);
    result = result.replaceAll(mark, join ? '' : ' ');
  }
  let replaced = 0;
  return result.replace(FULL_STOP, (stop) => (replaced++ < FULL_STOP_LIMIT ? '' : stop));
}

/** Lower case, digits for number words, no articles, apostrophes restored: the tool's second step. */
function normaliseWords(text: string): string {
  return text
    .toLowerCase()
    .split(SPACES)
    .filter((word) => word !== '')
    .map((word) => NUMBER_WORDS.get(word) ?? word)
    .filter((word) => !ARTICLES.has(word))
    .map((word) => CONTRACTIONS.get(word) ?? word)
    .join(' ');
}

/**
 * The official normalisation of an answer: punctuation, case, number words, articles, contractions.
 * @see GT-Vision-Lab/VQA `PythonEvaluationTools/vqaEvaluation/vqaEval.py` at a013f0043c1e
 */
export function normaliseAnswer(answer: string): string {
  return normaliseWords(stripPunctuation(answer));
}

const trimmed = (text: string): string => text.replace(/[\n\t]/g, ' ').replace(OUTER_SPACE, '');

/**
 * The accuracy of one answer, in [0, 1]: the mean over annotators of min(1, matches among the others / 3).
 * Both sides are normalised only when the annotators' answers are not all the same, as in the tool.
 */
export function vqaAnswerAccuracy(annotation: VqaAnnotation, prediction: string): number {
  let given = trimmed(prediction);
  let answers = annotation.answers.map(({ answer, source }) => ({ answer: trimmed(answer), source }));
  if (new Set(answers.map(({ answer }) => answer)).size > 1) {
    answers = answers.map(({ answer, source }) => ({ answer: normaliseAnswer(answer), source }));
    given = normaliseAnswer(given);
  }
  let sum = 0;
  for (const left of answers) {
    // The tool drops every answer equal to the left-out one in all fields, so answers without ids lose their duplicates.
    const matches = answers.filter(
      (other) => other.answer === given && !(other.answer === left.answer && other.source === left.source),
    );
    sum += Math.min(1, matches.length / 3);
  }
  return sum / answers.length;
}

/** What the evaluation tool prints: percentages rounded to two digits. */
export interface VqaScores {
  overall: number;
  perAnswerType: Record<string, number>;
  perQuestionType: Record<string, number>;
  /** By question id. */
  perQuestion: Record<string, number>;
}

/**
 * Scores predictions (question id -> answer) over all annotations, in the annotations' order.
 * @throws DataError when a question has no prediction, or a prediction no question.
 */
export function scoreVqa(annotations: readonly VqaAnnotation[], predictions: ReadonlyMap<string, string>): VqaScores {
  const all = new Average();
  const answerTypes = new AverageByName();
  const questionTypes = new AverageByName();
  const perQuestion: Record<string, number> = {};
  const ids = new Set<string>();
  for (const annotation of annotations) {
    const { questionId, answerType, questionType } = annotation;
    const prediction = predictions.get(questionId);
    if (prediction === undefined)
      throw new DataError(`no prediction for question ${questionId}; every question needs one`);
    const accuracy = vqaAnswerAccuracy(annotation, prediction);
    ids.add(questionId);
    all.add(accuracy);
    answerTypes.add(answerType, accuracy);
    questionTypes.add(questionType, accuracy);
    perQuestion[questionId] = roundHalfEven(100 * accuracy);
  }
  const extra = [...predictions.keys()].find((id) => !ids.has(id));
  if (extra !== undefined) throw new DataError(`prediction for question ${extra}, which the annotations do not have`);
  return {
    overall: all.percent(),
    perAnswerType: answerTypes.percents(),
    perQuestionType: questionTypes.percents(),
    perQuestion,
  };
}

/** A mean of accuracies, summed in order as the tool sums. */
class Average {
  private sum = 0;
  private count = 0;

  add(value: number): void {
    this.sum += value;
    this.count += 1;
  }

  percent(): number {
    return this.count === 0 ? 0 : roundHalfEven((100 * this.sum) / this.count);
  }
}

class AverageByName {
  private readonly averages = new Map<string, Average>();

  add(name: string, value: number): void {
    let average = this.averages.get(name);
    if (average === undefined) this.averages.set(name, (average = new Average()));
    average.add(value);
  }

  percents(): Record<string, number> {
    return Object.fromEntries([...this.averages].map(([name, average]) => [name, average.percent()]));
  }
}
