// VCR's texts with names instead of tags, and the objects that a text mentions.

/** A word, or the indices of the objects that a tag names. */
export type VcrToken = string | readonly number[];

/** A word of a text, with the object that it names. */
export interface VcrWord {
  word: string;
  object: number | null;
}

/** Gender-neutral names for people, by order of appearance. From the authors' list. */
export const VCR_NAMES: readonly string[] =
  'Casey Riley Jessie Jackie Avery Jaime Peyton Kerry Jody Kendall Peyton Skyler Frankie Pat Quinn'.split(' ');

/**
 * How people are named. `distinct`: the people of a text have distinct names. `authors` reproduces a bug of their code: people who occur
 * only in a choice get the first names again, even if others have them in the context.
 */
export const NAMINGS = ['distinct', 'authors'] as const;
export type Naming = (typeof NAMINGS)[number];

/**
 * Replaces tags by names: people get names in the order of the context, other objects their kind.
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
