// VCR: questions about people in film stills, four answers and four rationales, with tags that point to detected objects.
import { DataError } from '../errors.js';
import { readJsonRecords } from '../formats/json.js';
import type { VcrToken } from '../processing/vcr-names.js';
import { asObject, createIdCheck, idField, listField } from './fields.js';

/** An annotation of VCR. */
export interface VcrRecord {
  annotId: string;
  imageId: string;
  /** Kinds of the detected objects. */
  objects: readonly string[];
  question: readonly VcrToken[];
  answers: readonly (readonly VcrToken[])[];
  rationales: readonly (readonly VcrToken[])[];
  /** Null in test sets. */
  answerLabel: number | null;
  rationaleLabel: number | null;
}

const CHOICES = 4;

/**
 * Reads `train.jsonl`, `val.jsonl` or `test.jsonl` of VCR.
 * @throws DataError naming the line: missing field, a tag without object, a number of choices other than four.
 * @example
 * const [{ question, answers, answerLabel }] = await readVcr('val.jsonl');
 * question; // ['Does', [1], 'see', [2], '?']: objects 1 and 2 are named
 * @see https://visualcommonsense.com/download/
 */
export async function readVcr(path: string): Promise<VcrRecord[]> {
  const requireNew = createIdCheck('annotation');
  return (await readJsonRecords(path)).map((record) => {
    const object = asObject(record);
    const { where } = record;
    const annotId = idField(object, 'annot_id', where);
    requireNew(annotId, where);
    const objects = listField(object, 'objects', where).map(String);
    const text = (value: unknown, field: string): VcrToken[] => readText(value, objects.length, `${where}, ${field}`);
    const choices = (field: string): VcrToken[][] => {
      const list = listField(object, field, where);
      if (list.length !== CHOICES) throw new DataError(`${where}: expected four ${field}, found ${list.length}`);
      return list.map((choice, i) => text(choice, `${field} ${i}`));
    };
    return {
      annotId,
      imageId: idField(object, 'img_id', where),
      objects,
      question: text(object['question'], 'question'),
      answers: choices('answer_choices'),
      rationales: choices('rationale_choices'),
      answerLabel: labelOf(object['answer_label'], where),
      rationaleLabel: labelOf(object['rationale_label'], where),
    };
  });
}

function readText(value: unknown, objectCount: number, where: string): VcrToken[] {
  if (!Array.isArray(value)) throw new DataError(`${where}: expected a list of words and tags`);
  return value.map((token: unknown) => {
    if (typeof token === 'string') return token;
    const tags = Array.isArray(token) ? (token as unknown[]).map(Number) : [NaN];
    if (tags.every((tag) => Number.isInteger(tag) && tag >= 0 && tag < objectCount)) return tags;
    throw new DataError(`${where}: tag ${JSON.stringify(token)} names none of the ${objectCount} objects`);
  });
}

function labelOf(value: unknown, where: string): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < CHOICES) return value;
  throw new DataError(`${where}: expected a label from 0 to 3, received ${JSON.stringify(value)}`);
}
