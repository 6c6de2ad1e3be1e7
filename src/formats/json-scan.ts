// Finds where values begin and end in the bytes of JSON: records are parsed one by one, so that an error names the damaged one.
import { DataError, errorMessage } from '../errors.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Rejects bytes that are not UTF-8, which a plain decoder would replace. */
const UTF8 = new TextDecoder('utf-8', { fatal: true });
const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** The offset of the first byte from `at` on that is not a space. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  while (isSpace(bytes[at])) at++;
  return at;
}

/** The offset after the string that opens at `at`. */
function endOfString(bytes: Uint8Array, at: number, path: string): number {
  for (let i = at + 1; i < bytes.length; i++) {
    if (bytes[i] === BACKSLASH) i++;
    else if (bytes[i] === QUOTE) return i + 1;
  }
  throw new DataError(`${path}: cut short: the string at byte ${at} does not end; get the file again`);
}

/** The offset after the value that starts at `at`: brackets are counted, strings skipped; JSON.parse checks the content later. */
export function endOfValue(bytes: Uint8Array, at: number, path: string): number {
  let depth = 0;
  for (let i = at; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte === QUOTE) {
      i = endOfString(bytes, i, path) - 1;
      if (depth === 0) return i + 1;
    } else if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || byte === 0x5d) {
      if (depth <= 1) return depth === 1 ? i + 1 : i;
      depth--;
    } else if (depth === 0 && (byte === 0x2c || isSpace(byte))) return i;
  }
  if (depth === 0) return bytes.length;
  throw new DataError(`${path}: cut short: the value at byte ${at} does not end; get the file again`);
}

/** A value, or why it cannot be parsed. */
export function tryParse(bytes: Uint8Array, start: number, end: number): { value: unknown } | { problem: string } {
  let text: string;
  try {
    text = UTF8.decode(bytes.subarray(start, end));
  } catch {
    return { problem: 'not UTF-8; save the file as UTF-8' };
  }
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    const hint = /[[:,]\s*-?(?:NaN|Infinity)\b/.test(text) ? '; JSON has no NaN or Infinity' : '';
    return { problem: `not JSON: ${errorMessage(error)}${hint}` };
  }
}

/** The value in bytes `[start, end)`. @throws DataError when it is not JSON. */
export function parseAt(bytes: Uint8Array, start: number, end: number, where: string): unknown {
  const parsed = tryParse(bytes, start, end);
  if ('value' in parsed) return parsed.value;
  throw new DataError(`${where} (byte ${start}): ${parsed.problem}`);
}

/** Name and offset of each member of the object that opens at `open`. */
export function* members(bytes: Uint8Array, open: number, path: string): Generator<{ key: string; start: number }> {
  let at = skipSpace(bytes, open + 1);
  while (bytes[at] === QUOTE) {
    const nameEnd = endOfString(bytes, at, path);
    const key = String(parseAt(bytes, at, nameEnd, path));
    const start = skipSpace(bytes, skipSpace(bytes, nameEnd) + 1); // past the colon
    yield { key, start };
    at = skipSpace(bytes, endOfValue(bytes, start, path));
    if (bytes[at] === 0x2c) at = skipSpace(bytes, at + 1);
    else if (bytes[at] !== 0x7d)
      throw new DataError(`${path}: cut short or damaged after member ${key} (byte ${at}); get the file again`);
  }
}
