// VCR: questions about people in film stills, four answers and four rationales, with tags that point to detected objects.
import { DataError } from '../errors.js';
import { readJsonRecords } from '../formats/json.js';
import { asObject, createIdCheck, idField, listField } from './fields.js';

/** A word, or the places of the objects that a tag names. */
export type VcrToken = string | readonly number[];

export interface VcrRecord {
  annotId: string;
  imageId: string;
  /** Kinds of the detected objects. */
  objects: readonly string[];
  question: readonly VcrToken[];
  answers: readonly (readonly VcrToken[])[];
  rationales: readonly (readonly VcrToken[])[];
  /** Null in test sets. */
  answerLabel: number | null;
  rationaleLabel: number | null;
}

/** A word of a text as the model reads it, with the object that it names. */
export interface VcrWord {
  word: string;
  object: number | null;
}

const CHOICES = 4;

/** Names for people, by order of appearance: a model must not learn who is which gender. From the authors' list. */
export const VCR_NAMES: readonly string[] =
  'Casey Riley Jessie Jackie Avery Jaime Peyton Kerry Jody Kendall Peyton Skyler Frankie Pat Quinn'.split(' ');

/**
 * Reads `train.jsonl`, `val.jsonl` or `test.jsonl` of VCR.
 * @throws DataError naming the line: missing field, a tag without object, a number of choices other than four.
 * @see https://visualcommonsense.com/download/
 */
export async function readVcr(path: string): Promise<VcrRecord[]> {
  const requireNew = createIdCheck('annotation');
  return (await readJsonRecords(path)).map((record) => {
    const object = asObject(record);
    const { where } = record;
    const annotId = idField(object, 'annot_id', where);
    requireNew(annotId, where);
    const objects = listField(object, 'objects', where).map(String);
    const text = (value: unknown, field: string): VcrToken[] => readText(value, objects.length, `${where}, ${field}`);
    const choices = (field: string): VcrToken[][] => {
      const list = listField(object, field, where);
      if (list.length !== CHOICES) throw new DataError(`${where}: expected four ${field}, found ${list.length}`);
      return list.map((choice, i) => text(choice, `${field} ${i}`));
    };
    return {
      annotId,
      imageId: idField(object, 'img_id', where),
      objects,
      question: text(object['question'], 'question'),
      answers: choices('answer_choices'),
      rationales: choices('rationale_choices'),
      answerLabel: labelOf(object['answer_label'], where),
      rationaleLabel: labelOf(object['rationale_label'], where),
    };
  });
}

function readText(value: unknown, objectCount: number, where: string): VcrToken[] {
  if (!Array.isArray(value)) throw new DataError(`${where}: expected a list of words and tags`);
  return value.map((token: unknown) => {
    if (typeof token === 'string') return token;
    const tags = Array.isArray(token) ? (token as unknown[]).map(Number) : [NaN];
    if (tags.every((tag) => Number.isInteger(tag) && tag >= 0 && tag < objectCount)) return tags;
    throw new DataError(`${where}: tag ${JSON.stringify(token)} names none of the ${objectCount} objects`);
  });
}

function labelOf(value: unknown, where: string): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < CHOICES) return value;
  throw new DataError(`${where}: expected a label from 0 to 3, received ${JSON.stringify(value)}`);
}

/**
 * How people are named: `distinct` people of a text have distinct names; `authors` repeats a slip of their code, by which those whom only a
 * choice names take the first names again, whoever has them in the context.
 */
export const NAMINGS = ['distinct', 'authors'] as const;
export type Naming = (typeof NAMINGS)[number];

/**
 * Texts with names in place of tags: people get names in the order of the context, other objects their kind.
 * @see uclanlp/visualbert `vcr_data_utils.py`, _fix_tokenization
 */
export function nameObjects(
  context: readonly VcrToken[],
  choices: readonly (readonly VcrToken[])[],
  objects: readonly string[],
  naming: Naming = 'distinct',
): { context: VcrWord[]; choices: VcrWord[][] } {
  const isPerson = (object: number): boolean => objects[object] === 'person';
  const named = new Map<number, string>();
  const spell = (tokens: readonly VcrToken[], known: Map<number, string>): VcrWord[] => {
    let people = naming === 'authors' ? 0 : [...known.keys()].filter(isPerson).length;
    return tokens.flatMap((token): VcrWord[] => {
      if (typeof token === 'string') return [{ word: token, object: null }];
      return token.map((object) => {
        const kind = objects[object] as string;
        const word =
          known.get(object) ?? (isPerson(object) ? (VCR_NAMES[people++ % VCR_NAMES.length] as string) : kind);
        known.set(object, word);
        return { word, object };
      });
    });
  };
  const contextWords = spell(context, named);
  return { context: contextWords, choices: choices.map((choice) => spell(choice, new Map(named))) };
}

/**
 * The objects that the texts name ("everyone" names all people), in their order; all people when they name none.
 * @see uclanlp/visualbert `vcr.py`, _get_dets_to_use
 */
export function relevantObjects(texts: readonly (readonly VcrToken[])[], objects: readonly string[]): number[] {
  const people = [...objects.keys()].filter((i) => objects[i] === 'person');
  const named = new Set<number>();
  for (const token of texts.flat()) {
    if (typeof token !== 'string') for (const object of token) named.add(object);
    else if (['everyone', 'everyones'].includes(token.toLowerCase())) for (const person of people) named.add(person);
  }
  return named.size === 0 ? people : [...named].sort((a, b) => a - b);
}
