// Checks of requests by the schemas of zod, with errors in the words of this package.
import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { checkedValue } from '../checked-value.js';
import { RequestError } from './request-error.js';
import { firstOf } from '../words.js';

/** Maximum number of reported faults of a request. */
const REPORTED_FAULTS = 5;

/** Makes the check of a part of a request. Its error has status 400 and names each field with what was expected and received. */
export const compileCheck: FastifySchemaCompiler<z.ZodType> =
  ({ schema }) =>
  (part: unknown) => {
    const { data, problems: faults } = checkedValue(schema, part, 'body');
    if (faults === null) return { value: data };
    return { error: new RequestError(400, firstOf(faults, REPORTED_FAULTS, '; ')) };
  };
