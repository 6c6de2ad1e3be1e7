// The platform of the browser: addresses instead of folders, no hub cache, the JavaScript tokenizer.
import type { ByteSink } from '../byte-sink.js';
import type { ByteSource } from '../byte-source.js';
import type { TextTokenizer, TokenizerFiles } from './tokenizers/text-tokenizer.js';
import { type HubOptions, hubUrl } from './hub/options.js';
import { urlExists } from './http.js';
import { openUrl } from './http-source.js';
import { fetchText } from './small-file.js';
import { encoderOf } from './tokenizers/javascript-tokenizer.js';
import { readDefinition } from './tokenizers/tokenizer-definition.js';
import { textTokenizer } from './tokenizers/tokenizer.js';

export { fileName, folderOf, isUrl, joinPath, shortAddress } from './addresses.js';
export { isRepoId } from './hub/options.js';
export type { HubOptions, HubProgress } from './hub/options.js';

/** Opens an address (absolute, or relative to the page). @throws HubError */
export async function openSource(path: string): Promise<ByteSource> {
  return openUrl(path);
}

/** Text at an address. @throws HubError */
export async function readText(path: string): Promise<string> {
  return fetchText(path);
}

/** Whether an address answers. @throws HubError for any failure but "not found". */
export async function exists(path: string): Promise<boolean> {
  return urlExists(path);
}

/** A browser has no folders: always false. */
export async function isFolder(_path: string): Promise<boolean> {
  return false;
}

/** The web has no folder listing: always empty, so that callers try the usual names. */
export async function listFolder(_path: string): Promise<string[]> {
  return [];
}

/** @throws Error always: a browser has no folders; write to a `memorySink` instead. */
export async function createSink(path: string): Promise<ByteSink> {
  throw new Error(`${path}: a browser cannot write files; write to a memorySink and offer its bytes as a download`);
}

/** @throws Error always, as `createSink`. */
export async function makeFolder(path: string): Promise<void> {
  await createSink(path);
}

/** @throws Error always, as `createSink`. */
export async function removeFile(path: string): Promise<void> {
  await createSink(path);
}

/** @throws Error always, as `createSink`. */
export async function writeTextAtomic(path: string, _text: string): Promise<void> {
  await createSink(path);
}

/** The address of a file of a hub repository; the browser's own cache keeps it. Null when the repository lacks it. @throws HubError */
export async function hubFile(repoId: string, file: string, options: HubOptions = {}): Promise<string | null> {
  const url = hubUrl(repoId, file, options);
  return (await urlExists(url)) ? url : null;
}

/** A tokenizer from its files. @param folder for errors. @throws DataError when they are damaged, or none holds a vocabulary. */
export function createTokenizer(files: TokenizerFiles, folder?: string): TextTokenizer {
  const definition = readDefinition(files, folder);
  return textTokenizer(files, definition, encoderOf(definition));
}
