// The official normalisation of VQA answers, equal to the evaluation tool's to the last character.
import { requireKinds } from '../options.js';

/** White space of Python's `str.split()` and `str.strip()`, as part of a regular expression; JavaScript's \s differs. */
export const PYTHON_SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const SPACES = new RegExp(`${PYTHON_SPACE}+`, 'u');

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
  // Two errors of the tool's table, reproduced for equal scores.
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
 * @example
 * normaliseAnswer('The two dogs!'); // '2 dogs'
 */
export function normaliseAnswer(answer: string): string {
  requireKinds('normaliseAnswer', { 'a text': { answer } });
  return normaliseWords(stripPunctuation(answer));
}
