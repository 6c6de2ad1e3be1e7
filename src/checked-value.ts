// Checks values from outside (files, requests, variables) by schemas of zod, with problems in the words of this package.
import type { z } from 'zod';
import { expected, shown, unknownText } from './options.js';

/** Types of JSON by zod's names. */
const TYPES: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'a text',
  tuple: 'a list',
};

/** A value that fits its schema, or what is wrong with it. */
export type Checked<T> = { data: T; problems: null } | { data: null; problems: readonly string[] };

/**
 * Checks a value by a schema.
 * @param whole names the value itself in problems.
 * @returns each problem as `pooling.bins: expected a whole number of at least 1, received 0`
 */
export function checkedValue<S extends z.ZodType>(schema: S, value: unknown, whole: string): Checked<z.output<S>> {
  const { data, error } = schema.safeParse(value, { error: problemOf });
  if (error === undefined) return { data, problems: null };
  return { data: null, problems: error.issues.map(({ path, message }) => `${path.join('.') || whole}: ${message}`) };
}

/** What is wrong with a value, for schemas without an error of their own; undefined leaves it to zod. */
function problemOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return expected(TYPES[issue.expected] ?? issue.expected)(issue);
    case 'invalid_value':
      return expected(`${issue.values.length === 1 ? '' : 'one of '}${issue.values.join(', ')}`)(issue);
    case 'invalid_union':
      return choiceProblem(issue);
    case 'too_small':
      return outOfRange(issue, issue.inclusive === false ? 'more than' : 'at least', issue.minimum);
    case 'too_big':
      return outOfRange(issue, issue.inclusive === false ? 'less than' : 'at most', issue.maximum);
    case 'unrecognized_keys': {
      const { shape = {} } = (issue.inst?._zod.def ?? {}) as { shape?: object };
      return unknownText(issue.keys, Object.keys(shape));
    }
    default:
      return undefined;
  }
}

/** Of objects that a field tells apart: the values that the field may have. */
function choiceProblem({ discriminator, options, input }: z.core.$ZodRawIssue): string | undefined {
  if (typeof discriminator !== 'string' || !Array.isArray(options)) return undefined;
  const found = (input as Record<string, unknown>)[discriminator];
  return expected(`one of ${options.join(', ')}`)({ input: found });
}

/** `expected a number of at least 1, received 0`; of texts and lists the length. */
function outOfRange(
  { origin, input, exact }: { origin: string; input?: unknown; exact?: boolean },
  relation: string,
  bound: number | bigint,
): string {
  const range = exact === true ? String(bound) : `${relation} ${bound}`;
  const { length } = input as { length?: number };
  if (origin === 'string') return `expected a text of ${range} characters, received ${length}`;
  if (origin === 'array') return `expected a list of ${range}, received ${length}`;
  return `expected a number of ${range}, received ${shown(input)}`;
}
