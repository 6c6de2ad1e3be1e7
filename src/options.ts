// Schemas of options, and what is wrong with options option by option: callers name them as their reader does.
import { z } from 'zod';
import { ConfigError } from './errors.js';

/** One option that cannot be used. */
export interface OptionProblem {
  /** Null for options that do not exist. */
  name: string | null;
  /** `expected a number of at least 0, received -1`. */
  problem: string;
}

/** Options that cannot be used: `createTrainingStep: learningRate: expected a number of at least 0, received -1`. */
export class OptionsError extends ConfigError {
  /**
   * @param owner who takes the options.
   * @param known their names.
   */
  constructor(
    readonly owner: string,
    readonly problems: readonly OptionProblem[],
    readonly known: readonly string[],
  ) {
    super(
      `${owner}: ${problems.map(({ name, problem }) => (name === null ? problem : `${name}: ${problem}`)).join('; ')}`,
    );
  }
}

/**
 * Checks options against a schema and fills in its defaults.
 * @throws OptionsError naming every option that is unknown, missing or out of its range
 */
export function parseOptions<S extends z.ZodObject>(owner: string, schema: S, options: unknown): z.output<S> {
  requireOptions(owner, options);
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  const known = Object.keys(schema.shape);
  const problems = parsed.error.issues.map((issue): OptionProblem => {
    if (issue.code !== 'unrecognized_keys') return { name: issue.path.join('.') || null, problem: issue.message };
    return { name: null, problem: `unknown ${issue.keys.join(', ')}; known: ${known.join(', ')}` };
  });
  throw new OptionsError(owner, problems, known);
}

/**
 * Refuses what is not an object where one is expected, such as `null` for options.
 * @param owner who takes it, as in code: `Trainer`
 * @throws ConfigError naming what was received
 */
export function requireOptions(owner: string, value: unknown, what = 'an object of options'): void {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject) throw new ConfigError(`${owner}: expected ${what}, received ${shown(value)}`);
}

/** @throws ConfigError for what is not the path of a file or folder; an empty one is none */
export function requirePath(owner: string, value: unknown): void {
  if (typeof value !== 'string' || value === '')
    throw new ConfigError(`${owner}: expected a path, received ${shown(value)}`);
}

/** The `error` of a schema: `expected a path, received 5`. */
export function expected(what: string): (issue: { input?: unknown }) => string {
  return ({ input }) => `expected ${what}, received ${shown(input)}`;
}

/** A finite number that passes a check. @param what `a number of at least 0` */
export function number(what: string, isAllowed: (x: number) => boolean): z.ZodNumber {
  const error = expected(what);
  return z.number({ error }).refine(isAllowed, { error });
}

/** A whole number of at least `least`, at most `most`. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): z.ZodNumber {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  return number(`a whole number ${range}`, (x) => Number.isSafeInteger(x) && x >= least && x <= most);
}

/** True or false. */
export function truth(): z.ZodBoolean {
  return z.boolean({ error: expected('true or false') });
}

/** One of several words. */
export function oneOf<const T extends readonly string[]>(names: T): z.ZodEnum<{ [K in T[number]]: K }> {
  return z.enum(names, { error: expected(`one of ${names.join(', ')}`) });
}

/** A text that is not empty. @param what `a folder` */
export function text(what: string): z.ZodString {
  const error = expected(what);
  return z.string({ error }).min(1, { error });
}

function shown(value: unknown): string {
  if (value === undefined) return 'none';
  const isPlain = typeof value !== 'number' && typeof value !== 'function';
  return isPlain ? JSON.stringify(value) : String(value); // JSON has no NaN or Infinity
}
