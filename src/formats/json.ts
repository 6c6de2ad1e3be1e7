// Records of JSON files, plain or gzip, an array or JSON lines: each record is parsed on its own, so that an error names the damaged one.
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { DataError, errorMessage, notJson, textStart } from '../errors.js';
import { endOfValue, members, parseAt, skipSpace, tryParse } from './json-scan.js';
import { readWhole } from '../platform/files.js';

/** A record and where it is in its file, for messages: `questions.json, record 12`. */
export interface JsonRecord {
  value: unknown;
  where: string;
  /** Why there is no value, in files that are checked. */
  problem?: string;
}

/**
 * The records of a file: a JSON array, JSON lines, or an object whose member `key` is the array. A line that is not JSON is an error,
 * or with `keepsDamaged` a record with that `problem`.
 * @throws DataError when the file is absent, is not JSON, is cut short, or has no array `key`.
 */
export async function readJsonRecords(path: string, key?: string, keepsDamaged = false): Promise<JsonRecord[]> {
  const records: JsonRecord[] = [];
  for await (const record of jsonRecords(path, key, keepsDamaged)) records.push(record);
  return records;
}

/** The same records one by one: only the bytes of the file are in memory, not all values. */
export async function* jsonRecords(path: string, key?: string, keepsDamaged = false): AsyncGenerator<JsonRecord> {
  const bytes = await readBytes(path);
  const start = skipSpace(bytes, startOf(bytes));
  const opening = bytes[start];
  if (opening === 0x5b) return yield* arrayRecords(bytes, start, path, true);
  if (opening !== 0x7b) {
    throw new DataError(`${path}: expected JSON, found ${describeStart(bytes, start)}; check the path`);
  }
  const asLines = key === undefined || skipSpace(bytes, endOfValue(bytes, start, path)) < bytes.length;
  if (asLines) yield* lineRecords(bytes, start, path, keepsDamaged);
  else yield* arrayRecords(bytes, findMember(bytes, start, key, path), path);
}

/**
 * The members of the object that a file holds, each parsed on its own, one by one.
 * @throws DataError when the file is absent, not a JSON object, or cut short.
 */
export async function* jsonMembers(path: string): AsyncGenerator<JsonRecord & { key: string }> {
  const bytes = await readBytes(path);
  const open = skipSpace(bytes, startOf(bytes));
  if (bytes[open] !== 0x7b)
    throw new DataError(`${path}: expected a JSON object, found ${describeStart(bytes, open)}; check the path`);
  for (const { key, start } of members(bytes, open, path)) {
    const where = `${path}, member ${key}`;
    yield { key, value: parseAt(bytes, start, endOfValue(bytes, start, path), where), where };
  }
}

/** A whole small JSON file (plain or gzip). @throws DataError when it is absent or not JSON. */
export async function readJson(path: string): Promise<unknown> {
  const bytes = await readBytes(path);
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  } catch (error) {
    throw new DataError(`${path}: ${notJson(error)}`);
  }
}

/** The bytes of a file, unpacked when they are gzip. @throws DataError when it cannot be read. */
async function readBytes(path: string): Promise<Uint8Array> {
  const bytes = await readWhole(path);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  return promisify(gunzip)(bytes).catch((error: unknown) => {
    throw new DataError(`${path}: cannot be read: ${errorMessage(error)}`);
  });
}

function describeStart(bytes: Uint8Array, start: number): string {
  if (['255,254', '254,255'].includes(bytes.subarray(0, 2).join())) return 'UTF-16; save the file as UTF-8';
  return textStart(new TextDecoder().decode(bytes.subarray(start, start + 20)));
}

/** After a byte order mark. */
function startOf(bytes: Uint8Array): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb ? 3 : 0;
}

function* arrayRecords(bytes: Uint8Array, open: number, path: string, isAll = false): Generator<JsonRecord> {
  if (bytes[open] !== 0x5b) throw new DataError(`${path}: expected an array at byte ${open}`);
  let at = skipSpace(bytes, open + 1);
  for (let record = 0; bytes[at] !== 0x5d; record++) {
    const where = `${path}, record ${record}`;
    const end = endOfValue(bytes, at, path);
    yield { value: parseAt(bytes, at, end, where), where };
    at = skipSpace(bytes, end);
    if (bytes[at] === 0x2c) at = skipSpace(bytes, at + 1);
    else if (bytes[at] !== 0x5d) {
      throw new DataError(`${path}: cut short or damaged after record ${record} (byte ${at}); get the file again`);
    }
  }
  const rest = skipSpace(bytes, at + 1);
  if (isAll && rest < bytes.length)
    throw new DataError(
      `${path}: expected one list, or one record per line, found more after the list at byte ${rest}`,
    );
}

function* lineRecords(bytes: Uint8Array, start: number, path: string, keepsDamaged: boolean): Generator<JsonRecord> {
  let line = 0;
  for (let at = 0; at < bytes.length;) {
    let end = bytes.indexOf(0x0a, at);
    if (end < 0) end = bytes.length;
    line += 1;
    at = Math.max(at, Math.min(start, end)); // past a byte order mark
    if (skipSpace(bytes, at) < end) {
      const where = `${path}, line ${line}`;
      const parsed = tryParse(bytes, at, end);
      if ('problem' in parsed && !keepsDamaged) throw new DataError(`${where} (byte ${at}): ${parsed.problem}`);
      yield 'problem' in parsed ? { value: undefined, where, problem: parsed.problem } : { ...parsed, where };
    }
    at = end + 1;
  }
}

/** The offset of the value of member `key` of the object that opens at `open`. */
function findMember(bytes: Uint8Array, open: number, key: string, path: string): number {
  const seen: string[] = [];
  for (const member of members(bytes, open, path)) {
    if (member.key === key) return member.start;
    seen.push(member.key);
  }
  throw new DataError(`${path}: expected a list "${key}", found the members ${seen.join(', ') || '(none)'}`);
}
