// Checks of all flags of all commands, before anything is read: each given once, with a value, numbers in their range.
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
    const typed = typedName(name, known, args);
    if (isEmpty && typed !== undefined && !WITHOUT_VALUE.includes(name))
      throw new Error(`--${typed}: expected a value, received an empty one; give one, or leave --${typed} out`);
  }
  return true;
}

/**
 * A check of all commands, of their arguments without flags.
 * @throws Error naming an argument that was given as an empty text
 */
export function requireArguments(flags: Flags, names: readonly string[]): true {
  for (const name of names)
    if ([flags[name]].flat().includes(''))
      throw new Error(`<${name}>: expected a value, received an empty one; give one`);
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

/** What the number of a flag may be. */
interface Range {
  least: number;
  most?: number;
  /** Whether it may have a fraction; `least` itself is then too little. */
  isFraction?: true;
}

const [COUNT, INDEX, ABOVE_ZERO]: Range[] = [{ least: 1 }, { least: 0 }, { least: 0, isFraction: true }] as const;

/** The ranges of flags that are no settings: those are checked with all that a config file holds. */
export const RANGES: Readonly<Record<string, Range>> = {
  'batch-size': COUNT,
  head: INDEX,
  'inter-op-threads': COUNT,
  layer: INDEX,
  limit: COUNT,
  'limit-body': ABOVE_ZERO,
  'limit-characters': COUNT,
  'limit-regions': COUNT,
  'limit-seconds': ABOVE_ZERO,
  'limit-waiting': COUNT,
  'max-boxes': COUNT,
  'max-restarts': INDEX,
  'max-text-length': { least: 4, most: 512 },
  port: { least: 0, most: 65535 },
  seed: { least: -(2 ** 31), most: 2 ** 32 - 1 },
  threads: COUNT,
  top: COUNT,
  'top-k': COUNT,
  'worker-timeout': ABOVE_ZERO,
  workers: COUNT,
  ...{ cells: COUNT, grid: COUNT },
};

/**
 * A check of all commands, as `requireOnce`.
 * @throws Error naming a flag of a number with a value that is none, or that is out of its range
 */
export function requireNumbers(flags: Flags, known: Flags, args: readonly string[]): true {
  for (const name of known['number'] as readonly string[]) {
    const value = flags[name];
    if (typeof value !== 'number') continue;
    const typed = typedName(name, known, args) ?? name;
    const text = typedValue(typed, args);
    if (Number.isNaN(value) || text?.trim() === '')
      // an empty text counts as 0
      throw new Error(`--${typed}: expected a number, received ${JSON.stringify(text ?? '')}`);
    const range = RANGES[name];
    if (range !== undefined && !isWithin(value, range))
      throw new Error(`--${typed}: expected ${rangeText(range)}, received ${value}`);
  }
  return true;
}

function isWithin(value: number, { least, most = Infinity, isFraction }: Range): boolean {
  if (isFraction) return value > least && value < Infinity;
  return Number.isSafeInteger(value) && value >= least && value <= most;
}

function rangeText({ least, most, isFraction }: Range): string {
  if (isFraction) return `a number above ${least}`;
  return `a whole number ${most === undefined ? `of at least ${least}` : `from ${least} to ${most}`}`;
}

/** The one of a flag's names that was typed. */
function typedName(name: string, known: Flags, args: readonly string[]): string | undefined {
  const others = (known['alias'] as Readonly<Record<string, readonly string[]>> | undefined)?.[name] ?? [];
  return [name, ...others].find((one) => args.some((word) => word === `--${one}` || word.startsWith(`--${one}=`)));
}

/** The value of a flag as it was typed; undefined for a default. */
function typedValue(name: string, args: readonly string[]): string | undefined {
  const place = args.findIndex((word) => word === `--${name}` || word.startsWith(`--${name}=`));
  const word = args[place];
  if (word === undefined) return undefined;
  return word.includes('=') ? word.slice(word.indexOf('=') + 1) : args[place + 1];
}
