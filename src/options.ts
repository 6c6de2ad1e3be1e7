// Checks of public functions' arguments: schemas of options with an error per option, and kinds of arguments.
import { z } from 'zod';
import { ConfigError } from './errors.js';

/** One option that cannot be used. */
export interface OptionProblem {
  /** Null for unknown options. */
  name: string | null;
  /** `expected a number of at least 0, received -1`. */
  problem: string;
}

/** Options that cannot be used: `createTrainingStep: learningRate: expected a number of at least 0, received -1`. */
export class OptionsError extends ConfigError {
  /**
   * @param owner the function that takes the options.
   * @param known the names of its options.
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
    if (issue.path.length > 0) return { name: issue.path.join('.'), problem: `unknown ${issue.keys.join(', ')}` };
    return { name: null, problem: unknownText(issue.keys, known) };
  });
  throw new OptionsError(owner, problems, known);
}

/**
 * Rejects anything but an object, such as `null` for options.
 * @param owner the function that takes it, as in code: `Trainer`
 * @throws ConfigError naming what was received
 */
export function requireOptions(owner: string, value: unknown, what = 'an object of options'): void {
  if (!isTable(value)) throw new ConfigError(`${owner}: expected ${what}, received ${shown(value)}`);
}

/** @throws OptionsError for anything but an object, and for unknown options, which would otherwise be ignored */
export function requireKnown(owner: string, options: unknown, known: readonly string[]): void {
  requireOptions(owner, options);
  const unknown = Object.keys(options as object).filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw new OptionsError(owner, [{ name: null, problem: unknownText(unknown, known) }], known);
}

/** `unknown dpeth; known: depth, width`. */
export function unknownText(unknown: readonly string[], known: readonly string[]): string {
  return `unknown ${unknown.join(', ')}; known: ${known.join(', ')}`;
}

/** @throws ConfigError for anything but the path of a file or folder, and for an empty text */
export function requirePath(owner: string, value: unknown, what = 'a path'): void {
  if (typeof value !== 'string' || value === '')
    throw new ConfigError(`${owner}: expected ${what}, received ${shown(value)}`);
}

/** Checks one option by its schema; undefined is the default. @throws ConfigError naming what was expected and received */
export function requireOption(name: string, value: unknown, schema: z.ZodType): void {
  const { error } = schema.optional().safeParse(value);
  if (error !== undefined) throw new ConfigError(`${name}: ${error.issues[0]?.message}`);
}

/** @throws ConfigError for a batch size that is not a positive whole number; undefined is the default */
export function requireBatchSize(batchSize: number | undefined): void {
  requireOption('batchSize', batchSize, BATCH_SIZE);
}

/** One path or several, as a list. @throws ConfigError for anything but a path */
export function requirePaths(owner: string, paths: string | readonly string[]): readonly string[] {
  const all: readonly string[] = typeof paths === 'string' || !Array.isArray(paths) ? [paths as string] : paths;
  for (const path of all) requirePath(owner, path);
  return all;
}

/** Whether a value is an object with names, such as one of JSON: no list, not null. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The names of the values that differ between two tables, compared as JSON. */
export function differingNames<T extends object>(one: T, other: T): (keyof T & string)[] {
  const names = Object.keys({ ...one, ...other }) as (keyof T & string)[];
  return names.filter((name) => JSON.stringify(one[name]) !== JSON.stringify(other[name]));
}

const isObject = (value: unknown): value is Record<PropertyKey, unknown> => typeof value === 'object' && value !== null;
const has = (value: unknown, ...methods: readonly PropertyKey[]): boolean =>
  isObject(value) && methods.every((name) => typeof value[name] === 'function');

/** Kinds by their names in errors, with a check. Objects are recognised by the methods that functions call first. */
const KINDS = {
  'a text': (value) => typeof value === 'string',
  'a path': (value) => typeof value === 'string' && value !== '',
  'a list': (value) => has(value, Symbol.iterator),
  'a Map': (value) => has(value, 'get', 'keys', Symbol.iterator),
  'an object': isTable,
  'a function': (value) => typeof value === 'function',
  'an array of numbers': (value) => ArrayBuffer.isView(value) || Array.isArray(value),
  bytes: (value) => ArrayBuffer.isView(value),
  'a tensor': (value) => has(value, 'dataSync'),
  'a model': (value) => has(value, 'namedParameters'),
  'a source of bytes': (value) => has(value, 'read', 'close'),
  'a destination of bytes': (value) => has(value, 'write', 'close'),
  'a logger': (value) => has(value, 'info', 'warn'),
  'region features': (value) => has(value, 'ids', 'read'),
} satisfies Record<string, (value: unknown) => boolean>;

/**
 * Rejects arguments that do not have their declared type, as JavaScript, `any` and parsed files allow.
 * @param owner the function that takes them, as in code: `scoreVqa`
 * @param given the arguments by kind and name.
 * @throws ConfigError naming the first that is of another kind, and what was received
 * @example
 * const [shape, key] = [[2, 3], philoxKey(0, 1)];
 * requireKinds('philoxUniform', { 'a list': { shape }, 'a tensor': { key } });
 */
export function requireKinds(owner: string, given: { readonly [K in keyof typeof KINDS]?: object }): void {
  for (const [kind, values] of Object.entries(given)) {
    const isKind = KINDS[kind as keyof typeof KINDS];
    for (const [name, value] of Object.entries(values)) {
      if (!isKind(value)) throw new ConfigError(`${owner}: ${name}: expected ${kind}, received ${shown(value)}`);
    }
  }
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

/** What an option means besides its check: the metadata of its schema, and of the schema that it makes optional or gives a default. */
export function roleOf<R extends object>(schema: z.ZodType | undefined): Partial<R> {
  if (schema === undefined) return {};
  const { innerType } = schema.def as { innerType?: z.ZodType };
  return { ...roleOf<R>(innerType), ...(schema.meta() as Partial<R> | undefined) };
}

/** The number of examples in a batch. */
export const BATCH_SIZE = wholeNumber(1);
/** A seed of Philox. */
export const SEED = wholeNumber(-(2 ** 31), 2 ** 32 - 1);

/** One path or several. */
export const PATHS = z.union([text('a path'), z.array(text('a path'))], {
  error: expected('a path or a list of paths'),
});

/** The options of something else, which checks them. */
export function table(what: string): z.ZodRecord<z.ZodString, z.ZodUnknown> {
  return z.record(z.string(), z.unknown(), { error: expected(what) });
}

/** A function to be called. */
export function callback<F extends (...args: never[]) => unknown>(): z.ZodCustom<F, F> {
  return z.custom<F>((value) => typeof value === 'function', { error: expected('a function') });
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

/**
 * The values without those that are `undefined`, so that omitted options stay omitted when they are passed on.
 * @example
 * defined({ seed: 0, threads: undefined }); // { seed: 0 }
 */
export function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** A received value for an error, cut after `most` characters; `none` for an absent one. */
export function shown(value: unknown, most = 100): string {
  if (value === undefined) return 'none';
  const text = typeof value === 'number' || typeof value === 'function' ? String(value) : jsonOf(value); // JSON has no NaN or Infinity
  return text.length > most ? `${text.slice(0, most)}...` : text;
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value); // a bigint, or a cyclic object
  }
}
