// Checks of requests by the schemas of zod, with errors in the words of this package.
import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { expected, shown, unknownText } from '../options.js';
import { RequestError } from './request-error.js';

/** Maximum number of reported faults of a request. */
const REPORTED_FAULTS = 5;

/** Types of JSON by zod's names. */
const TYPES: Readonly<Record<string, string>> = {
  array: 'a list',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  string: 'a text',
  tuple: 'a list',
};

/** Makes the check of a part of a request. Its error has status 400 and names each field with what was expected and received. */
export const compileCheck: FastifySchemaCompiler<z.ZodType> =
  ({ schema }) =>
  (part: unknown) => {
    const { data, error } = schema.safeParse(part, { error: problemOf });
    if (error === undefined) return { value: data };
    const faults = error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
    const more = faults.length > REPORTED_FAULTS ? [`and ${faults.length - REPORTED_FAULTS} more`] : [];
    return { error: new RequestError(400, [...faults.slice(0, REPORTED_FAULTS), ...more].join('; ')) };
  };

/** What is wrong with a value, for schemas without an error of their own; undefined leaves it to zod. */
function problemOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return expected(TYPES[issue.expected] ?? issue.expected)(issue);
    case 'invalid_value':
      return expected(`one of ${issue.values.join(', ')}`)(issue);
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

/** `expected a number of at least 1, received 0`; of texts and lists the length. */
function outOfRange(
  { origin, input }: { origin: string; input?: unknown },
  relation: string,
  bound: number | bigint,
): string {
  const { length } = input as { length?: number };
  if (origin === 'string') return `expected a text of ${relation} ${bound} characters, received ${length}`;
  if (origin === 'array') return `expected a list of ${relation} ${bound}, received ${length}`;
  return `expected a number of ${relation} ${bound}, received ${shown(input)}`;
}
