// Checks of all flags of all commands, before anything is read: each given once, with a value. The ranges of numbers are in their schemas.
import { kebab } from '../../src/node.js';

type Flags = Readonly<Record<string, unknown>>;

/**
 * A check of all commands; yargs hands it what is known of the flags, whatever its types say.
 * @throws Error naming a flag with one value that was given several times
 */
export function requireOnce(flags: Flags, known: Flags): true {
  const lists = known['array'] as readonly string[];
  for (const [name, values] of Object.entries(flags)) {
    if (name === '_' || !Array.isArray(values) || lists.includes(kebab(name))) continue;
    throw new Error(`--${kebab(name)} was given ${values.length} times (${values.join(', ')}); give it once`);
  }
  return true;
}

/** Flags that may stand without a value. */
const WITHOUT_VALUE: readonly string[] = ['profile'];

/**
 * A check of all commands, as `requireOnce`.
 * @throws Error naming a flag of a text, a path or a list that was given without one
 */
export function requireValues(flags: Flags, known: Flags, args: readonly string[]): true {
  for (const name of known['string'] as readonly string[]) {
    const values = [flags[name]].flat();
    const isEmpty = flags[name] !== undefined && (values.length === 0 || values.includes(''));
    const typed = typedName(namesOf(name, known), args);
    if (isEmpty && typed !== undefined && !WITHOUT_VALUE.includes(name))
      throw new Error(`--${typed}: expected a value, received an empty one; give one, or leave --${typed} out`);
  }
  return true;
}

/** What the last value of a list of arguments is, where it is something else than the others. */
const LAST_OF_LISTS: Readonly<Record<string, string>> = { picture: 'question' };

/**
 * A check of all commands, of their arguments without flags.
 * @throws Error naming an argument that was given as an empty text
 */
export function requireArguments(flags: Flags, names: readonly string[]): true {
  for (const name of names) {
    const values = [flags[name]].flat();
    const place = values.indexOf('');
    if (place < 0) continue;
    const isLast = place > 0 && place === values.length - 1;
    const what = (isLast ? LAST_OF_LISTS[name] : undefined) ?? name;
    throw new Error(`<${what}>: expected a value, received an empty one; give one`);
  }
  return true;
}

/**
 * A check of all commands.
 * @throws Error when both flags that name a checkpoint were given
 */
export function requireOneCheckpoint({ run, model }: Flags): true {
  if (run !== undefined && model !== undefined)
    throw new Error(
      '--run, --model: expected one of them, received both; give --run FOLDER for a run, or --model for any other model',
    );
  return true;
}

/**
 * A check of one use of a command.
 * @param use what the flags are of no use for, and what to do
 * @throws Error naming flags that were given although this use does not read them
 */
export function refuseUnused(flags: object, names: readonly string[], use: string): void {
  const given = names.filter((name) => (flags as Flags)[name] !== undefined);
  if (given.length === 0) return;
  throw new Error(`${given.map((name) => `--${kebab(name)}`).join(', ')}: of no use for ${use}`);
}

/**
 * A check of all commands, before the numbers are compared with their ranges.
 * @throws Error naming a flag that takes a number and was given anything else
 */
export function requireNumbers(flags: Flags, known: Flags, args: readonly string[]): void {
  for (const name of known['number'] as readonly string[]) {
    const value = flags[name];
    if (typeof value !== 'number') continue;
    const typed = typedName(namesOf(name, known), args) ?? name;
    const text = typedValue(typed, args);
    if (Number.isNaN(value) || text?.trim() === '')
      // an empty text counts as 0
      throw new Error(`--${typed}: expected a number, received ${JSON.stringify(text ?? '')}`);
  }
}

/** The name of a flag and its aliases. */
function namesOf(name: string, known: Flags): readonly string[] {
  const aliases = known['alias'] as Readonly<Record<string, readonly string[]>> | undefined;
  return [name, ...(aliases?.[name] ?? [])];
}

/** The one of a flag's names that was typed. */
export function typedName(names: readonly string[], args: readonly string[]): string | undefined {
  return names.find((name) => args.some((word) => word === `--${name}` || word.startsWith(`--${name}=`)));
}

/** The value of a flag as it was typed; undefined for a default. */
function typedValue(name: string, args: readonly string[]): string | undefined {
  const place = args.findIndex((word) => word === `--${name}` || word.startsWith(`--${name}=`));
  const word = args[place];
  if (word === undefined) return undefined;
  return word.includes('=') ? word.slice(word.indexOf('=') + 1) : args[place + 1];
}
