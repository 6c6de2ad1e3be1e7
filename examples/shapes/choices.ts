// Questions with four answers and four rationales, in VCR's format: things are referred to by tags, distinguished only by their index.
import { type RandomStream } from './random-stream.js';
import { COLORS, SHAPES, type Scene, type Thing } from './scene.js';

/** A record of VCR's annotation files. @see https://visualcommonsense.com/download/ */
export interface ChoiceRecord {
  readonly annot_id: string;
  readonly img_id: string;
  readonly objects: readonly string[];
  readonly question: readonly Token[];
  readonly answer_choices: readonly (readonly Token[])[];
  readonly rationale_choices: readonly (readonly Token[])[];
  readonly answer_label: number;
  readonly rationale_label: number;
}
type Token = string | readonly number[];

/**
 * A question for the colors of two things, with their shapes as the rationale; null if no two things differ in both.
 * Every thing is labelled "person", as most objects of VCR are, so that only its tag identifies it.
 */
export function choiceAbout({ id, things }: Scene, random: RandomStream): ChoiceRecord | null {
  const places = random.shuffled([...things.keys()]);
  const pairs = places.flatMap((a) => places.map((b) => [a, b] as const));
  const pair = pairs.find(([a, b]) => {
    const [one, other] = [things[a] as Thing, things[b] as Thing];
    return one.color !== other.color && one.shape !== other.shape;
  });
  if (pair === undefined) return null;
  const [a, b] = pair;
  const [one, other] = [things[a] as Thing, things[b] as Thing];
  const answers = choicesOf(one.color, other.color, COLORS, random);
  const reasons = choicesOf(one.shape, other.shape, SHAPES, random);
  return {
    annot_id: id,
    img_id: id,
    objects: things.map(() => 'person'),
    question: ['What', 'color', 'are', [a], 'and', [b], '?'],
    answer_choices: answers.choices.map(([x, y]) => [[a], 'is', x, 'and', [b], 'is', y, '.']),
    rationale_choices: reasons.choices.map(([x, y]) => ['Since', [a], 'is', 'a', x, 'and', [b], 'is', 'a', y, '.']),
    answer_label: answers.label,
    rationale_label: reasons.label,
  };
}

/**
 * Four pairs of words, of which (x, y) is the right one. With a = x or y at random and a third word c they are (x, y), (y, x), (a, c) and
 * (c, a): to a model that reads only the text all four are equally likely, and two of them to a model that cannot distinguish the two things.
 */
function choicesOf(
  x: string,
  y: string,
  words: readonly string[],
  random: RandomStream,
): { choices: (readonly [string, string])[]; label: number } {
  const a = random.pick([x, y]);
  const c = random.pick(words.filter((word) => word !== x && word !== y));
  const choices = random.shuffled([[x, y] as const, [y, x] as const, [a, c] as const, [c, a] as const]);
  return { choices, label: choices.findIndex(([first, second]) => first === x && second === y) };
}
