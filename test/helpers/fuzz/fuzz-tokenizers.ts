// Damages the files of tokenizers and checks that reading them works or ends in an error that names the folder.
import { createTokenizer as createBrowserTokenizer } from '../../../src/platform/browser.js';
import { createTokenizer as createNodeTokenizer } from '../../../src/platform/node.js';
import { DataError } from '../../../src/errors.js';
import type { TokenizerFiles } from '../../../src/platform/tokenizers/text-tokenizer.js';
import { damaged, generator, type Random } from '../files/damage.js';

const FOLDER = '/the/folder';
const WORDS = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  '[MASK]',
  '<pad>',
  '[unused1]',
  ...'abcdeé中',
  'the',
  '##a',
  '##b',
  'cat',
];
const SPECIAL = {
  pad_token: '[PAD]',
  unk_token: '[UNK]',
  cls_token: '[CLS]',
  sep_token: '[SEP]',
  mask_token: '[MASK]',
};
const added = (id: number, content: string): object => ({
  ...{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
});
const decoder = Object.fromEntries(Object.values(SPECIAL).map((word) => [WORDS.indexOf(word), added(0, word)]));
const definition = {
  ...{ version: '1.0', truncation: null, padding: null },
  added_tokens: Object.values(SPECIAL).map((word) => added(WORDS.indexOf(word), word)),
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  ...{ post_processor: null, decoder: null },
  model: {
    ...{ type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100 },
    vocab: Object.fromEntries(WORDS.map((word, id) => [word, id])),
  },
};
const settings = {
  do_lower_case: false,
  strip_accents: true,
  tokenize_chinese_chars: false,
  ...SPECIAL,
  added_tokens_decoder: decoder,
};
const vocabulary = { 'vocab.txt': `${WORDS.join('\n')}\n` };
const SAMPLES: readonly TokenizerFiles[] = [
  { 'tokenizer.json': JSON.stringify(definition) },
  { ...vocabulary, 'tokenizer_config.json': JSON.stringify(settings) },
  {
    ...vocabulary,
    'special_tokens_map.json': JSON.stringify(SPECIAL),
    'added_tokens.json': JSON.stringify({ new: WORDS.length }),
  },
];

/** What a field is replaced by. */
const VALUES = [
  ...[null, true, 0, -1, 0.5, 2 ** 53, 1e308, '', 'x', '[UNK]', 'a'.repeat(5000), '\ud800', '('],
  ...[[], [null], [[]], {}, { a: 1 }, 'Precompiled', 'constructor'],
] as const;

/** Runs cases `from` to `from + count - 1`, each in Node and in the browser. @throws Error naming the first case that went wrong */
export async function fuzzTokenizers(from: number, count: number): Promise<{ read: number; refused: number }> {
  const outcome = { read: 0, refused: 0 };
  for (let seed = from; seed < from + count; seed++) {
    const random = generator(seed);
    const files: Partial<Record<string, string>> = { ...SAMPLES[random(SAMPLES.length)] };
    const names = Object.keys(files);
    const name = names[random(names.length)] ?? '';
    files[name] = changed(files[name] ?? '', random);
    for (const create of [createNodeTokenizer, createBrowserTokenizer]) {
      try {
        const tokenizer = create(files, FOLDER);
        const ids = await tokenizer.encode('The Cat ééb [MASK] 中 abcab');
        if (!ids.every(Number.isSafeInteger)) throw new Error(`ids ${ids.join(' ')}`);
        outcome.read++;
      } catch (error) {
        if (!(error instanceof DataError && error.message.includes(FOLDER)))
          throw new Error(`case ${seed}, ${name}: ${String((error as Error).stack)}`);
        outcome.refused++;
      }
    }
  }
  return outcome;
}

/** A text with damaged bytes, or JSON with other values in one to three fields. */
function changed(text: string, random: Random): string {
  if (!text.startsWith('{') || random(4) === 0) return Buffer.from(damaged(Buffer.from(text), random)).toString();
  const json = JSON.parse(text) as Record<string, unknown>;
  for (let changes = 1 + random(3); changes > 0; changes--) {
    const places = placesIn(json);
    const place = places[random(places.length)];
    if (place === undefined) break; // nothing is left of it
    const [table, key] = place;
    if (random(4) === 0) delete table[key];
    else table[key] = VALUES[random(VALUES.length)];
  }
  return JSON.stringify(json);
}

type Place = [table: Record<string, unknown>, key: string];

function placesIn(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const table = value as Record<string, unknown>;
  return Object.keys(table).flatMap((key) => [[table, key] as Place, ...placesIn(table[key])]);
}
