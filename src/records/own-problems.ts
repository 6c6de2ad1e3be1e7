// Error texts for records of own data: the field, what was expected and what was received.
import type { z } from 'zod';
import { shown } from '../options.js';

/** Characters of a value that are shown. */
const SHOWN = 60;

const ID = 'an id: a text or a whole number';
const TEXT = 'a text that is not empty';

/** The expected content of each field; its path has no indices of list items. */
const EXPECTED: Readonly<Record<string, string>> = {
  '': 'an object with named fields',
  id: ID,
  text: TEXT,
  textPair: TEXT,
  question: TEXT,
  image: ID,
  images: 'the ids of two images',
  label: 'a text, true, false or a whole number',
  answers: "a list of the annotators' answers, or an object of answers with scores from 0 to 1",
  phrases: 'a list of { "words": [first, last], "boxes": [[x1, y1, x2, y2]] }, at least one',
  'phrases.words': 'the indices of the first and last word, from 0',
  'phrases.boxes': 'a list of boxes [x1, y1, x2, y2] in pixels, with x1 < x2 and y1 < y2',
};

/** The problem that a schema found in a record: `answers: expected ..., received {"red":1.5}`. */
export function describeIssue(issue: z.core.$ZodIssue, record: unknown, known: readonly string[]): string {
  const { path } = issue;
  const fieldPath = path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i === 0 ? '' : '.'}${String(key)}`))
    .join('');
  const where = fieldPath === '' ? '' : `${fieldPath}: `;
  if (issue.code === 'unrecognized_keys') {
    const names = path.length === 0 ? known : ['words', 'boxes'];
    return `${where}unknown field ${issue.keys.map((key) => `"${key}"`).join(', ')}; expected ${names.join(', ')}`;
  }
  const names = path.filter((key) => typeof key === 'string');
  const field = names.map((_, i) => names.slice(0, names.length - i).join('.')).find((name) => name in EXPECTED) ?? '';
  return `${where}expected ${EXPECTED[field]}, received ${shown(valueAt(record, path), SHOWN)}`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
}
