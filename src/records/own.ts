// Own data: JSON lines for classification, answering and grounding; each record is checked against a schema.
import { z } from 'zod';
import { ConfigError, DataError, errorMessage } from '../errors.js';
import { shown } from '../options.js';
import type { Box } from '../boxes.js';
import { type JsonRecord, readJsonRecords } from '../formats/json.js';
import { describeIssue } from './own-problems.js';
import type { PhraseSentence } from './flickr.js';
import { createIdCheck } from './fields.js';

const id = z.union([z.string().min(1), z.int()]).transform(String);
const text = z.string().trim().min(1);

const box = z.tuple([z.number(), z.number(), z.number(), z.number()]).refine(([x1, y1, x2, y2]) => x1 < x2 && y1 < y2);

const classification = z.strictObject({
  id: id.optional(),
  text,
  textPair: text.optional().describe('a second segment'),
  image: id.optional(),
  images: z.tuple([id, id]).optional().describe('a pair of images, instead of image'),
  label: z.union([text, z.boolean(), z.int().transform(String)]).optional(),
});

const answering = z.strictObject({
  id: id.optional(),
  question: text,
  image: id,
  answers: z
    .union([z.array(text).min(1), z.record(text, z.number().min(0).max(1))])
    .optional()
    .describe("each annotator's answer, or answer -> score in 0..1"),
});

const grounding = z.strictObject({
  id: id.optional(),
  text,
  image: id,
  phrases: z
    .array(
      z.strictObject({
        words: z
          .tuple([z.int().nonnegative(), z.int().nonnegative()])
          .describe('first and last word of the phrase, from 0, words split at spaces'),
        boxes: z.array(box).describe('the boxes of the phrase'),
      }),
    )
    .min(1),
});

/** The schemas of own data by task. */
export const OWN_SCHEMAS = { classification, answering, grounding } as const;
/** Names of the tasks that train on own records. */
export type OwnTaskName = keyof typeof OWN_SCHEMAS;

/** A text about an image or a pair of them, with its class where it is known. */
export interface ClassificationRecord {
  id: string;
  /** File and line, for messages. */
  where?: string;
  text: string;
  textPair?: string;
  imageIds: readonly string[];
  label: string | null;
}

/** A question about an image, with the scores of its answers where they are known. */
export interface AnsweringRecord {
  id: string;
  /** File and line, for messages. */
  where?: string;
  question: string;
  imageId: string;
  scores: ReadonlyMap<string, number> | null;
}

/** A problem of a record. */
export interface RecordProblem {
  where: string;
  problem: string;
}

interface Checked<T> {
  records: T[];
  /** The same records, unparsed. */
  raw: JsonRecord[];
  problems: RecordProblem[];
}

/**
 * Reads own data and collects all problems instead of throwing: lines that are not JSON, fields that are missing, unknown or of the wrong type, ids that occur twice.
 * @throws DataError when the file does not hold JSON lines.
 * @example
 * const { records, problems } = await checkOwnRecords('answering', 'mine.jsonl');
 * for (const { where, problem } of problems) console.log(`${where}: ${problem}`);
 */
export async function checkOwnRecords(task: 'classification', path: string): Promise<Checked<ClassificationRecord>>;
export async function checkOwnRecords(task: 'answering', path: string): Promise<Checked<AnsweringRecord>>;
export async function checkOwnRecords(task: 'grounding', path: string): Promise<Checked<PhraseSentence>>;
export async function checkOwnRecords(task: OwnTaskName, path: string): Promise<Checked<unknown>> {
  requireOwnTask(task);
  const requireNew = createIdCheck('record');
  const records: unknown[] = [];
  const raw: JsonRecord[] = [];
  const problems: RecordProblem[] = [];
  for (const [i, { value, where, problem }] of (await readJsonRecords(path, undefined, true)).entries()) {
    if (problem !== undefined) {
      problems.push({ where, problem: `${problem}; expected one complete record per line` });
      continue;
    }
    const parsed = OWN_SCHEMAS[task].safeParse(value);
    if (!parsed.success) {
      problems.push(
        ...parsed.error.issues.map((issue) => ({
          where,
          problem: describeIssue(issue, value, Object.keys(OWN_SCHEMAS[task].shape)),
        })),
      );
      continue;
    }
    try {
      const record = CONVERT[task](parsed.data as never, parsed.data.id ?? String(i));
      requireNew(record.id, where);
      records.push({ ...record, where });
      raw.push({ value, where });
    } catch (error) {
      problems.push({ where, problem: errorMessage(error).replace(`${where}: `, '') });
    }
  }
  return { records, raw, problems };
}

/** @throws ConfigError for anything but the name of a task over own data */
export function requireOwnTask(task: unknown): void {
  if (typeof task !== 'string' || !Object.hasOwn(OWN_SCHEMAS, task))
    throw new ConfigError(`task: expected one of ${Object.keys(OWN_SCHEMAS).join(', ')}, received ${shown(task)}`);
}

/**
 * Reads own data.
 * @throws DataError listing the first problems and their number.
 * @example
 * const [{ question, imageId, scores }] = await readOwnRecords('answering', 'mine.jsonl');
 * scores.get('red'); // 0.6: two annotators gave this answer
 */
export async function readOwnRecords(task: 'classification', path: string): Promise<ClassificationRecord[]>;
export async function readOwnRecords(task: 'answering', path: string): Promise<AnsweringRecord[]>;
export async function readOwnRecords(task: 'grounding', path: string): Promise<PhraseSentence[]>;
export async function readOwnRecords(task: OwnTaskName, path: string): Promise<unknown[]> {
  const { records, problems } = await checkOwnRecords(task as 'classification', path);
  if (problems.length > 0) {
    const shown = problems.slice(0, 5).map(({ where, problem }) => `${where}: ${problem}`);
    const more = problems.length - shown.length;
    throw new DataError(
      `${shown.join('\n')}${more > 0 ? `\nand ${more} more; \`visualbert data check ${path} --task ${task}\` lists all` : ''}`,
    );
  }
  if (records.length === 0) throw new DataError(`${path}: holds no records`);
  return records;
}

const CONVERT: { [T in OwnTaskName]: (value: z.output<(typeof OWN_SCHEMAS)[T]>, id: string) => { id: string } } = {
  classification: ({ text: words, textPair, image, images, label }, recordId): ClassificationRecord => {
    if ((image === undefined) === (images === undefined))
      throw new DataError(`expected either image or images, received ${image === undefined ? 'none' : 'both'}`);
    return {
      id: recordId,
      text: words,
      ...(textPair === undefined ? {} : { textPair }),
      imageIds: images ?? [image as string],
      label: label === undefined ? null : typeof label === 'boolean' ? (label ? 'True' : 'False') : label,
    };
  },
  answering: ({ question, image, answers }, recordId): AnsweringRecord => ({
    id: recordId,
    question,
    imageId: image,
    scores: answers === undefined ? null : scoresOf(answers),
  }),
  grounding: ({ text: sentence, image, phrases }, recordId): PhraseSentence => {
    const words = sentence.split(/\s+/);
    return {
      id: recordId,
      imageId: image,
      words,
      phrases: phrases.map(({ words: [first, last], boxes }) => {
        if (first > last || last >= words.length)
          throw new DataError(
            `expected phrases of the words 0 to ${words.length - 1} of the text, received words [${first}, ${last}]`,
          );
        const shares = boxes.find((one) => Math.max(...one) <= 1);
        if (shares !== undefined)
          throw new DataError(
            `expected boxes in pixels, received [${shares.join(', ')}], which looks like shares of the picture`,
          );
        return { first, last, boxes: boxes as Box[], types: [] };
      }),
    };
  },
};

/** Annotators' answers as scores, min(0.3 * annotators, 1) when there are several, as for VQA; one answer alone scores 1. */
function scoresOf(answers: readonly string[] | Record<string, number>): ReadonlyMap<string, number> {
  if (!Array.isArray(answers)) return new Map(Object.entries(answers as Record<string, number>));
  const list = answers as readonly string[];
  const counts = new Map<string, number>();
  for (const answer of list) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  return new Map([...counts].map(([answer, count]) => [answer, list.length === 1 ? 1 : Math.min(0.3 * count, 1)]));
}
