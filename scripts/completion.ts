// Shell completion of commands, flags and their values. Paths and texts get no suggestions, so that the shell completes file names.
import { DETECTOR_NAMES } from '../src/node.js';

/** Suggested values of flags that also take other values. */
const SUGGESTED: Readonly<Record<string, readonly string[]>> = { detector: DETECTOR_NAMES };

/** The flags of a command by the kind of value that they take, as yargs lists them. */
export interface FlagKinds {
  string: readonly string[];
  number: readonly string[];
  array: readonly string[];
  choices: Readonly<Record<string, readonly string[]>>;
}

/**
 * @param words of the line up to the cursor; the last one is being typed and may be empty
 * @param found what yargs finds, for zsh each with `:` and a description
 */
export function completions(
  words: readonly string[],
  { string, number, array, choices }: FlagKinds,
  found: readonly string[],
): readonly string[] {
  const current = words.at(-1) ?? '';
  const before = words.at(-2) ?? '';
  const flag = before.startsWith('--') ? before.slice(2) : '';
  if (!current.startsWith('-') && !(flag in choices)) {
    if (flag in SUGGESTED) return (SUGGESTED[flag] ?? []).filter((value) => value.startsWith(current));
    if ([...string, ...number, ...array].includes(flag)) return [];
  }
  return found.filter((one) => current.startsWith('-') || !one.startsWith('-'));
}
