// Fields of records: read with their type, or an error that names the record and the field.
import { DataError } from '../errors.js';
import { type JsonRecord } from '../formats/json.js';

/** One record as an object. @throws DataError when it is something else. */
export function asObject(record: JsonRecord): Record<string, unknown> {
  const { value, where } = record;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DataError(`${where}: expected an object, received ${JSON.stringify(value)?.slice(0, 60)}`);
  }
  return value as Record<string, unknown>;
}

/** A text field. @throws DataError when it is absent or not a string. */
export function textField(object: Record<string, unknown>, key: string, where: string): string {
  const value = object[key];
  if (typeof value === 'string') return value;
  throw new DataError(`${where}: expected the text field "${key}", received ${describe(value, object)}`);
}

/** An id, written as a number or a string, as a string. @throws DataError when it is absent or something else. */
export function idField(object: Record<string, unknown>, key: string, where: string): string {
  const value = object[key];
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
  throw new DataError(`${where}: expected the id field "${key}", received ${describe(value, object)}`);
}

/** A list field. @throws DataError when it is absent or not an array. */
export function listField(object: Record<string, unknown>, key: string, where: string): unknown[] {
  const value = object[key];
  if (Array.isArray(value)) return value as unknown[];
  throw new DataError(`${where}: expected the list field "${key}", received ${describe(value, object)}`);
}

/** A finite number. @throws DataError when it is absent or something else. */
export function numberField(object: Record<string, unknown>, key: string, where: string): number {
  const value = object[key];
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new DataError(`${where}: expected the number field "${key}", received ${describe(value, object)}`);
}

/** Rejects the second record with the same id. */
export function createIdCheck(what: string): (id: string, where: string) => void {
  const seen = new Map<string, string>();
  return (id, where) => {
    const before = seen.get(id);
    if (before !== undefined) {
      throw new DataError(`${where}: ${what} ${id} also occurs in ${before}; remove one of the two`);
    }
    seen.set(id, where);
  };
}

/** The result of `work`; its DataErrors that name no file get the names of `paths`. */
export function aboutFiles<T>(paths: readonly string[], work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof DataError) || paths.some((path) => error.message.includes(path))) throw error;
    throw new DataError(`${paths.join(', ')}: ${error.message}`);
  }
}

function describe(value: unknown, object: Record<string, unknown>): string {
  if (value === undefined) return `none (the record has ${Object.keys(object).join(', ') || 'no fields'})`;
  return JSON.stringify(value).slice(0, 60);
}
