// Values from outside, checked by a schema: problems in the words of the package, each with its path.
import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { checkedValue } from '../src/checked-value.js';

const schema = z.strictObject({
  count: z.int().min(1).max(9),
  share: z.number().positive().optional(),
  names: z.array(z.string().min(2)).length(2).optional(),
  kind: z.discriminatedUnion('of', [z.object({ of: z.literal('a') }), z.object({ of: z.literal('b') })]).optional(),
  side: z.enum(['left', 'right']).optional(),
});

test.each<[unknown, readonly string[]]>([
  [5, ['the file: expected an object, received 5']],
  [{}, ['count: expected a number, received none']],
  [{ count: 0 }, ['count: expected a number of at least 1, received 0']],
  [{ count: 10 }, ['count: expected a number of at most 9, received 10']],
  [{ count: 1.5 }, ['count: expected a whole number, received 1.5']],
  [{ count: 1, share: 0 }, ['share: expected a number of more than 0, received 0']],
  [{ count: 1, names: ['ab'] }, ['names: expected a list of 2, received 1']],
  [
    { count: 1, names: ['ab', 'c'], side: 'top' },
    [
      'names.1: expected a text of at least 2 characters, received 1',
      'side: expected one of left, right, received "top"',
    ],
  ],
  [{ count: 1, kind: { of: 'c' } }, ['kind.of: expected one of a, b, received "c"']],
  [{ count: 1, size: 2 }, ['the file: unknown size; known: count, share, names, kind, side']],
])('%j', (value, problems) => {
  expect(checkedValue(schema, value, 'the file')).toEqual({ data: null, problems });
});

test('a value that fits is returned as the schema makes it', () => {
  const withDefault = z.object({ size: z.int().default(3) });
  expect(checkedValue(withDefault, {}, 'the file')).toEqual({ data: { size: 3 }, problems: null });
});
