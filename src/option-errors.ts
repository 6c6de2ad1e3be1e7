// What is wrong with options that a schema has checked, option by option: callers name options as their reader does.
import type { z } from 'zod';
import { ConfigError } from './errors.js';

/** One option that cannot be used. */
export interface OptionProblem {
  /** Null for options that do not exist. */
  name: string | null;
  /** `expected a number of at least 0, received -1`. */
  problem: string;
  /** The options that do not exist. */
  unknown?: readonly string[];
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
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  const known = Object.keys(schema.shape);
  const problems = parsed.error.issues.map((issue): OptionProblem => {
    if (issue.code !== 'unrecognized_keys') return { name: issue.path.join('.') || null, problem: issue.message };
    return { name: null, problem: `unknown ${issue.keys.join(', ')}; known: ${known.join(', ')}`, unknown: issue.keys };
  });
  throw new OptionsError(owner, problems, known);
}

/** The `error` of a schema: `expected a path, received 5`. */
export function expected(what: string): (issue: { input?: unknown }) => string {
  return ({ input }) => `expected ${what}, received ${shown(input)}`;
}

function shown(value: unknown): string {
  if (value === undefined) return 'none';
  return typeof value === 'number' ? String(value) : JSON.stringify(value); // JSON has no NaN or Infinity
}
