// The settings in tokenizer_config.json, special_tokens_map.json and added_tokens.json, read like transformers' BertTokenizerFast.
import { DataError, notJson } from '../../errors.js';
import { warnOnce } from '../../logger.js';
import { isTable } from '../../options.js';
import type { SpecialTokenIds, TokenizerFiles } from './text-tokenizer.js';

/** A token that is matched before words are split, in tokenizer.json's form. */
export interface AddedToken {
  content: string;
  /** Match only where it is not part of a longer word. */
  single_word: boolean;
  /** Include the white space on its left, or right. */
  lstrip: boolean;
  rstrip: boolean;
  /** Whether it is matched in the normalized text, in its own normalized form. */
  normalized: boolean;
  special: boolean;
}

/** A token as a file states it: without `normalized`, only non-special tokens are matched in the normalized text. */
type StatedToken = Omit<AddedToken, 'normalized'> & { normalized: boolean | null };

export type SpecialName = keyof SpecialTokenIds;

/** The settings of a tokenizer. */
export interface TokenizerSettings {
  lowercase: boolean;
  /** null: accents are stripped where text is lower-cased. */
  stripAccents: boolean | null;
  /** Whether each Chinese character is a word. */
  chineseCharacters: boolean;
  /** Whether special tokens in a text are split like other words. */
  splitSpecialTokens: boolean;
  /** `tokenizer_class` without its ending Fast; null where it is not stated. */
  className: string | null;
  special: Readonly<Record<SpecialName, string>>;
  /** Special tokens that no file names, which default to BERT's. */
  assumed: ReadonlySet<string>;
  /** In the order in which they get ids; a token of the vocabulary keeps its own. */
  added: readonly AddedToken[];
}

/** An object of a JSON file. */
export type Json = Readonly<Record<string, unknown>>;

const BERT_SPECIAL: Readonly<Record<SpecialName, string>> = {
  unk: '[UNK]',
  sep: '[SEP]',
  pad: '[PAD]',
  cls: '[CLS]',
  mask: '[MASK]',
};

/** The order in which transformers adds named special tokens that the vocabulary lacks. */
const NAMED = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

/** In errors: a file and the folder that it was read from. */
export function fileIn(folder: string, file: string): string {
  return folder === '' ? file : `${folder}/${file}`;
}

/**
 * Reads the settings of a tokenizer. Added tokens are those of `added_tokens_decoder`; a tokenizer_config.json without it (before
 * transformers 4.34) leaves them to special_tokens_map.json, added_tokens.json and tokenizer.json.
 * @param folder for errors
 * @throws DataError for a file that is damaged or holds other types than expected
 * @see huggingface/transformers 5.24 `tokenization_utils_base.py`, _from_pretrained; `tokenization_utils_tokenizers.py`, __init__
 */
export function readTokenizerSettings(files: TokenizerFiles, folder: string): TokenizerSettings {
  const where = fileIn(folder, 'tokenizer_config.json');
  const config = readObject(files, 'tokenizer_config.json', folder);
  const decoder = config['added_tokens_decoder'];
  const map = decoder === undefined ? readObject(files, 'special_tokens_map.json', folder) : {};
  const stated = new Map([...namedTokens(config, where, false), ...namedTokens(map, where, true)]);
  const extra = extraTokens(config, map, where);
  const numbered =
    decoder === undefined
      ? olderAddedTokens(files, folder, new Set([...stated.values(), ...extra].map(({ content }) => content)))
      : fromDecoder(decoder, where);

  const special = { ...BERT_SPECIAL };
  const assumed = new Set<string>();
  for (const name of Object.keys(special) as SpecialName[]) {
    const token = stated.get(`${name}_token`);
    if (token === undefined && !numbered.some(({ content }) => content === special[name])) assumed.add(special[name]);
    if (token === undefined) stated.set(`${name}_token`, tokenOf(special[name], where, true));
    else special[name] = token.content;
  }
  const named = [...stated].sort(([a], [b]) => orderOf(a) - orderOf(b)).map(([, token]) => token);
  const names = new Set(named.map(({ content }) => content));
  const added = new Map<string, StatedToken>();
  for (const token of numbered) added.set(token.content, token);
  for (const token of [...named, ...extra]) if (!added.has(token.content)) added.set(token.content, token);

  if (Array.isArray(config['never_split']) && config['never_split'].length > 0) {
    warnOnce(`${where}: never_split has no effect, as in transformers' BertTokenizerFast; add its words as tokens`);
  }
  const className = config['tokenizer_class'];
  return {
    lowercase: flagOf(config, 'do_lower_case', where) ?? true,
    stripAccents: flagOf(config, 'strip_accents', where),
    chineseCharacters: flagOf(config, 'tokenize_chinese_chars', where) ?? true,
    splitSpecialTokens: flagOf(config, 'split_special_tokens', where) ?? false,
    className: typeof className === 'string' ? className.replace(/Fast$/, '') : null,
    special,
    assumed,
    added: [...added.values()].map((token) => settled(token, names.has(token.content))),
  };
}

/** The object that a file holds, an empty one without the file. @throws DataError for anything else */
export function readObject(files: TokenizerFiles, file: keyof TokenizerFiles, folder: string): Json {
  const text = files[file];
  if (text === undefined) return {};
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    throw new DataError(`${fileIn(folder, file)}: ${notJson(error)}`);
  }
  if (!isTable(json)) throw new DataError(`${fileIn(folder, file)}: expected a JSON object, found ${brief(json)}`);
  return json;
}

function settled(token: StatedToken, isNamed: boolean): AddedToken {
  const special = token.special || isNamed;
  return { ...token, special, normalized: token.normalized ?? !special };
}

/** A token as one of the files writes it: its text, or an object. */
function tokenOf(value: unknown, where: string, isSpecial: boolean): StatedToken {
  const fields: Json = isTable(value) ? value : { content: value };
  const { content } = fields;
  if (typeof content !== 'string' || content === '')
    throw new DataError(`${where}: expected a token as text or as an object with its content, found ${brief(value)}`);
  const flag = (name: keyof AddedToken): boolean | null => flagOf(fields, name, `${where}, token ${content}`);
  return {
    content,
    single_word: flag('single_word') ?? false,
    lstrip: flag('lstrip') ?? false,
    rstrip: flag('rstrip') ?? false,
    normalized: flag('normalized'),
    special: flag('special') ?? isSpecial,
  };
}

/** The tokens of the keys `..._token`. */
function namedTokens(json: Json, where: string, isSpecial: boolean): [string, StatedToken][] {
  return Object.entries(json)
    .filter(([key, value]) => key.endsWith('_token') && (typeof value === 'string' || isTable(value)))
    .map(([key, value]) => [key, tokenOf(value, where, isSpecial || typeof value === 'string')]);
}

function orderOf(key: string): number {
  return NAMED.includes(key) ? NAMED.indexOf(key) : NAMED.length;
}

/** Further special tokens, under the name of transformers 5 or the one before. */
function extraTokens(config: Json, map: Json, where: string): StatedToken[] {
  const ofConfig = listOf(config['extra_special_tokens'] ?? config['additional_special_tokens']);
  const ofMap = listOf(map['extra_special_tokens'] ?? (ofConfig.length > 0 ? [] : map['additional_special_tokens']));
  return [
    ...ofConfig.map((token) => tokenOf(token, where, typeof token === 'string')),
    ...ofMap.map((token) => tokenOf(token, where, true)),
  ];
}

function listOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return isTable(value) ? Object.values(value) : [];
}

/** `added_tokens_decoder`: tokens by id. */
function fromDecoder(decoder: unknown, where: string): StatedToken[] {
  if (!isTable(decoder))
    throw new DataError(`${where}: expected added_tokens_decoder as tokens by id, found ${brief(decoder)}`);
  const byId = Object.entries(decoder).map(([id, token]): [number, StatedToken] => [
    idOf(Number(id), where),
    tokenOf(token, where, false),
  ]);
  return sorted(byId);
}

/** added_tokens.json (ids by token), and the tokens that a tokenizer.json adds. */
function olderAddedTokens(files: TokenizerFiles, folder: string, special: ReadonlySet<string>): StatedToken[] {
  const where = fileIn(folder, 'added_tokens.json');
  const byId = new Map<number, StatedToken>();
  for (const [content, id] of Object.entries(readObject(files, 'added_tokens.json', folder)))
    byId.set(idOf(id, where), tokenOf(content, where, special.has(content)));
  for (const [id, token] of tokensById(readObject(files, 'tokenizer.json', folder), folder)) byId.set(id, token);
  return sorted([...byId]);
}

/** The tokens that a tokenizer.json adds, by id. @throws DataError */
export function tokensOfJson(json: Json, folder: string): AddedToken[] {
  return sorted(tokensById(json, folder)).map((token) => settled(token, false));
}

function tokensById(json: Json, folder: string): [number, StatedToken][] {
  const where = fileIn(folder, 'tokenizer.json');
  return listOf(json['added_tokens']).map((token) => [
    idOf(isTable(token) ? token['id'] : undefined, where),
    tokenOf(token, where, false),
  ]);
}

function sorted(byId: [number, StatedToken][]): StatedToken[] {
  return byId.sort(([a], [b]) => a - b).map(([, token]) => token);
}

function idOf(id: unknown, where: string): number {
  if (typeof id === 'number' && Number.isSafeInteger(id) && id >= 0) return id;
  throw new DataError(`${where}: expected the id of an added token as a whole number, found ${brief(id)}`);
}

function flagOf(json: Json, key: string, where: string): boolean | null {
  const value = json[key];
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return value;
  throw new DataError(`${where}: expected true or false for ${key}, found ${brief(value)}`);
}

function brief(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 60);
}
