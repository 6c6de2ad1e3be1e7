// A tokenizer as one tokenizer.json, whatever its files: the form that tokenizer libraries read, with all ids assigned.
import { DataError } from '../../errors.js';
import { warnOnce } from '../../logger.js';
import type { SpecialTokenIds, TokenizerFiles } from './text-tokenizer.js';
import {
  type AddedToken,
  fileIn,
  type Json,
  readObject,
  readTokenizerSettings,
  type SpecialName,
  type TokenizerSettings,
  tokensOfJson,
} from './tokenizer-settings.js';

/** An added token with its id. */
export type NumberedToken = AddedToken & { id: number };

/** A tokenizer.json and its properties. */
export interface TokenizerDefinition {
  /** Without truncation, padding, and tokens around the text. */
  json: Json & { normalizer: unknown; added_tokens: readonly NumberedToken[] };
  /** Whether BERT's rules are used; otherwise those of the file. */
  isBert: boolean;
  /** Piece by id. */
  pieces: readonly string[];
  special: SpecialTokenIds;
}

/** Classes of transformers that use a tokenizer.json unchanged. */
const GENERIC_CLASSES = new Set(['PreTrainedTokenizer', 'TokenizersBackend']);

/**
 * Interprets a tokenizer's files. As in transformers, a word-piece vocabulary is read by BERT's rules with the settings of
 * tokenizer_config.json, also when it comes from a tokenizer.json; another kind of tokenizer.json, or one that `tokenizer_class`
 * PreTrainedTokenizerFast selects, is used unchanged.
 * @throws DataError when files are damaged, none has a vocabulary, or a special token is missing
 */
export function readDefinition(files: TokenizerFiles, folder = ''): TokenizerDefinition {
  const settings = readTokenizerSettings(files, folder);
  const given = readObject(files, 'tokenizer.json', folder);
  const model = (given['model'] ?? {}) as Json;
  const isWordPiece = model['type'] === 'WordPiece' || (model['type'] === undefined && model['merges'] === undefined);
  const isBert =
    files['tokenizer.json'] === undefined || (isWordPiece && !GENERIC_CLASSES.has(settings.className ?? ''));
  const vocabulary = new Map(vocabularyOf(files, model, folder));
  const listed = isBert ? [] : tokensOfJson(given, folder);
  const added = numberTokens(mergeTokens(listed, settings, vocabulary, folder), vocabulary);

  const ids = new Map(vocabulary);
  for (const { content, id } of added) ids.set(content, id);
  const pieces: string[] = [];
  for (const [piece, id] of ids) pieces[id] = piece;
  const special = Object.fromEntries(
    Object.entries(settings.special).map(([name, content]) => [name, specialId(ids, content, folder)]),
  ) as Record<SpecialName, number>;
  if (isBert && !vocabulary.has(settings.special.unk)) throw missing(settings.special.unk, vocabulary.size, folder);

  if (isBert && files['tokenizer.json'] !== undefined) warnOfOtherNormalizer(given['normalizer'], settings, folder);
  const json = isBert ? bertJson(settings, vocabulary) : given;
  const matched = settings.splitSpecialTokens ? withoutSpecial(added, vocabulary, folder) : added;
  return {
    json: { normalizer: null, ...json, truncation: null, padding: null, post_processor: null, added_tokens: matched },
    isBert,
    pieces,
    special,
  };
}

/**
 * A model's tokenizer files with another vocabulary.
 * @throws DataError where the model's tokenizer.json is used unchanged
 */
export function withVocabulary(files: TokenizerFiles, vocabulary: string, folder: string): TokenizerFiles {
  const { 'tokenizer.json': replaced, ...others } = files;
  if (replaced !== undefined && !readDefinition(files, folder).isBert) {
    throw new DataError(
      `${fileIn(folder, 'tokenizer.json')}: it is used unchanged, and a vocab.txt cannot replace its vocabulary; use a model without it`,
    );
  }
  return { ...others, 'vocab.txt': vocabulary };
}

/** The vocabulary without added tokens. */
function vocabularyOf(files: TokenizerFiles, model: Json, folder: string): [string, number][] {
  const text = files['vocab.txt'];
  const vocab = model['vocab'];
  if (files['tokenizer.json'] !== undefined) {
    // A unigram vocabulary lists its pieces with their scores.
    if (Array.isArray(vocab)) return vocab.map((entry, id) => [String(Array.isArray(entry) ? entry[0] : entry), id]);
    const entries = typeof vocab === 'object' && vocab !== null ? Object.entries(vocab) : [];
    if (entries.length > 0 && entries.every(([, id]) => Number.isSafeInteger(id) && id >= 0)) return entries;
    throw new DataError(`${fileIn(folder, 'tokenizer.json')}: expected a model with a vocabulary, found none`);
  }
  if (text === undefined)
    throw new DataError(
      `${folder === '' ? 'createTokenizer' : folder}: expected a vocab.txt or a tokenizer.json, found neither`,
    );
  // Like the tokenizers library, without the white space at the end of a line.
  const lines = text.replace(/\n$/, '').split('\n');
  return lines.map((line, id) => [line.replace(/\p{White_Space}+$/u, ''), id]);
}

/** The tokens of a tokenizer.json that is used unchanged, then those of the settings; of equal ones the later. */
function mergeTokens(
  listed: readonly AddedToken[],
  { added, assumed }: TokenizerSettings,
  vocabulary: ReadonlyMap<string, number>,
  folder: string,
): AddedToken[] {
  const merged = new Map(listed.map((token) => [token.content, token]));
  for (const token of added) {
    if (!assumed.has(token.content)) merged.set(token.content, token);
    else if (!merged.has(token.content)) {
      if (!vocabulary.has(token.content)) throw missing(token.content, vocabulary.size, folder);
      merged.set(token.content, token);
    }
  }
  return [...merged.values()];
}

/** Ids as in the tokenizers library: that of the vocabulary, else the next free one, whatever id a file states. */
function numberTokens(tokens: readonly AddedToken[], vocabulary: ReadonlyMap<string, number>): NumberedToken[] {
  let highest = -1;
  return tokens.map((token) => {
    const id = vocabulary.get(token.content) ?? Math.max(vocabulary.size, highest + 1);
    highest = Math.max(highest, id);
    return { id, ...token };
  });
}

/** @throws DataError where the ids of the others would change */
function withoutSpecial(
  added: readonly NumberedToken[],
  vocabulary: ReadonlyMap<string, number>,
  folder: string,
): NumberedToken[] {
  const outside = added.find(({ special, content }) => special && !vocabulary.has(content));
  if (outside === undefined) return added.filter(({ special }) => !special);
  throw new DataError(
    `${fileIn(folder, 'tokenizer_config.json')}: split_special_tokens is not supported with a special token outside the vocabulary (${outside.content})`,
  );
}

function specialId(ids: ReadonlyMap<string, number>, content: string, folder: string): number {
  const id = ids.get(content);
  if (id === undefined) throw missing(content, ids.size, folder);
  return id;
}

function missing(content: string, size: number, folder: string): DataError {
  return new DataError(
    `${folder === '' ? '' : `${folder}: `}vocabulary: expected BERT's special tokens, found no ${content} among ${size} pieces; give the vocab.txt of a BERT model, or name its special tokens in tokenizer_config.json`,
  );
}

/**
 * BERT's normalizer, its pre-tokenizer, word pieces with `##`.
 * @see https://arxiv.org/abs/1810.04805, and google-research/bert `tokenization.py`
 */
function bertJson(settings: TokenizerSettings, vocabulary: ReadonlyMap<string, number>): Json {
  const vocab = Object.create(null) as Record<string, number>;
  for (const [piece, id] of vocabulary) vocab[piece] = id;
  return {
    version: '1.0',
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: settings.chineseCharacters,
      strip_accents: settings.stripAccents,
      lowercase: settings.lowercase,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: settings.special.unk,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}

/** transformers prefers tokenizer_config.json, even its defaults. */
function warnOfOtherNormalizer(normalizer: unknown, settings: TokenizerSettings, folder: string): void {
  const { type, lowercase, strip_accents, handle_chinese_chars } = (normalizer ?? {}) as Json;
  const isSame =
    type === 'BertNormalizer' &&
    (lowercase ?? true) === settings.lowercase &&
    (strip_accents ?? null) === settings.stripAccents &&
    (handle_chinese_chars ?? true) === settings.chineseCharacters;
  if (isSame) return;
  warnOnce(
    `${fileIn(folder, 'tokenizer.json')}: its normalizer is not the one of tokenizer_config.json (do_lower_case ${settings.lowercase}, strip_accents ` +
      `${settings.stripAccents}, tokenize_chinese_chars ${settings.chineseCharacters}), which is used, as in transformers' BertTokenizerFast; ` +
      'state them there, or tokenizer_class PreTrainedTokenizerFast to use the normalizer',
  );
}
