// The platform of Node: files and folders, the hub's shared cache, addresses, the native tokenizer.
import { readdir, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type * as tokenizers from 'tokenizers';
import { type ByteSink, writeWhole } from '../byte-sink.js';
import type { ByteSource } from '../byte-source.js';
import { DataError, errorMessage } from '../errors.js';
import type { TextTokenizer, TokenizerFiles } from './tokenizers/text-tokenizer.js';
import { createFileSink, openFile, readWhole } from './files.js';
import { isUrl } from './addresses.js';
import { urlExists } from './http.js';
import { openUrl } from './http-source.js';
import { fetchText } from './small-file.js';
import { readDefinition } from './tokenizers/tokenizer-definition.js';
import { textTokenizer } from './tokenizers/tokenizer.js';

export { makeFolder, removeFile } from './files.js';
export { fileName, folderOf, isUrl, joinPath, shortAddress } from './addresses.js';
export { isRepoId } from './hub/options.js';
export type { HubOptions, HubProgress } from './hub/options.js';
export { hubFile } from './hub/hub.js';

/** Opens a file or an address for random access. @throws HubError for addresses; DataError otherwise. */
export async function openSource(path: string): Promise<ByteSource> {
  return isUrl(path) ? openUrl(path) : openFile(path);
}

/** Text of a UTF-8 file or address. @throws HubError for addresses; DataError otherwise. */
export async function readText(path: string): Promise<string> {
  if (isUrl(path)) return fetchText(path);
  return (await readWhole(path)).toString('utf8');
}

/** Whether a file, folder or address exists. */
export async function exists(path: string): Promise<boolean> {
  if (isUrl(path)) return urlExists(path);
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Whether a path is a folder of this machine. */
export async function isFolder(path: string): Promise<boolean> {
  if (isUrl(path)) return false;
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

/** Sorted names in a folder; empty for an address, which cannot be listed. */
export async function listFolder(path: string): Promise<string[]> {
  return isUrl(path) ? [] : (await readdir(path)).sort();
}

/** A sink over a file, which is flushed to disk and renamed on close; missing folders are created. */
export async function createSink(path: string): Promise<ByteSink> {
  return createFileSink(path);
}

/** Writes a UTF-8 file atomically: readers see the old or the new text. */
export async function writeTextAtomic(path: string, text: string): Promise<void> {
  await writeWhole(await createFileSink(path), (sink) => sink.write(new TextEncoder().encode(text)));
}

/** A tokenizer from its files. @param folder for errors. @throws DataError when they are damaged, or none holds a vocabulary. */
export function createTokenizer(files: TokenizerFiles, folder?: string): TextTokenizer {
  // Loaded on first use: the native library takes 30 ms, which commands without text do not need.
  const { Tokenizer } = createRequire(import.meta.url)('tokenizers') as typeof tokenizers;
  const definition = readDefinition(files, folder);
  const native = nativeTokenizer(() => Tokenizer.fromString(JSON.stringify(definition.json)), folder);
  return textTokenizer(files, definition, async (text) =>
    (await native.encode(text, null, { addSpecialTokens: false })).getIds(),
  );
}

/** @throws DataError where the native library fails, such as for half of a surrogate pair */
function nativeTokenizer<T>(make: () => T, folder = 'tokenizer'): T {
  try {
    return make();
  } catch (error) {
    throw new DataError(`${folder}: the tokenizer's files are damaged (${errorMessage(error)})`);
  }
}
