// The tokenizer in Chromium: the same ids as Node's library on thousands of unusual texts.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Page } from 'playwright-core';
import { build } from 'vite';
import { createTokenizer } from '../../../src/platform/node.js';
import { hasChromium } from '../../helpers/machine/chromium.js';
import { generator, type Random } from '../../helpers/files/damage.js';
import { openSite, type Site } from '../../helpers/machine/site.js';
import { slowCount } from '../../helpers/slow-share.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const TEXTS = slowCount(5000);
const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const ALPHABETS = [
  'abcdefghijklmnopqrstuvwxyz',
  '0123456789',
  'àéîõüñçøßæœşğıłđþİŁÅ',
  'αβγδεζησςωάέ',
  'абвгдежзийклёѓќ',
  'אבגדהוזחט',
  'ابتثجحخد',
  'कखगघङचि',
  '中文字符日本語漢',
  'ひらがなカタカナー',
  '한국어말',
  'ﬁﬂﬀＡＢＣ１２３½²ªº',
];
/** Between words: spaces, punctuation, controls and marks that cleaning removes, combines or splits at. */
const BETWEEN = [' ', '  ', '\t', '\n', '\u00a0', '\u3000', '\u200b', '\u200d', '\ufeff', '\u0000', '\ufffd', '\u0301'];
const PUNCTUATION = [...'.,!?;:\'"()[]{}-_/\\@#$%^&*+=<>|~`', ...'¿¡«»“”‘’…–—·、。「」', '🟥', '👩‍🚀', '€', '°'];
/** Every character by itself, as the beginning of a word and inside one: ids then tell what became of each. */
const VOCABULARY = [
  ...SPECIAL,
  ...new Set(
    [...ALPHABETS, ...PUNCTUATION].flatMap((text) =>
      [text, text.toUpperCase(), text.toLowerCase(), text.normalize('NFD')].flatMap((form) => [...form]),
    ),
  ),
].flatMap((piece) => (SPECIAL.includes(piece) ? [piece] : [piece, `##${piece}`]));
const SETTINGS = {
  lower: {},
  cased: { do_lower_case: false },
  whole: { do_lower_case: true, strip_accents: false, tokenize_chinese_chars: false },
};

function textOf(random: Random): string {
  const one = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const word = (): string => {
    const letters = [...one(ALPHABETS)];
    const text = Array.from({ length: 1 + random(6) }, () => one(letters)).join('');
    return one([text, text.toUpperCase(), text.normalize('NFD'), text.normalize('NFKC')]);
  };
  const part = (): string => one([word, word, () => one(PUNCTUATION), () => one(SPECIAL)])() + one(BETWEEN);
  return Array.from({ length: 1 + random(10) }, part).join('');
}

/** A page whose script leaves the function `encode(name, texts)` behind. */
const PAGE = `<!doctype html><script type="module">
  import { VisualBertProcessor } from './package.js';
  window.encode = async (name, texts) => {
    const { tokenizer } = await VisualBertProcessor.fromPretrained(new URL(name, location.href).href);
    return Promise.all(texts.map((text) => tokenizer.encode(text)));
  };
  document.documentElement.id = 'ready';
</script>`;

const site = temporaryFolder();
let opened: Site;
let page: Page;

(hasChromium('the tokenizer in a browser') ? describe : describe.skip)('the tokenizer in Chromium', () => {
  beforeAll(async () => {
    const lib = { entry: resolve('dist', 'src', 'index.js'), formats: ['es' as const], fileName: () => 'package.js' };
    const options = { outDir: site, emptyOutDir: true, target: 'es2022', minify: false };
    await build({ configFile: false, logLevel: 'error', build: { ...options, lib } });
    writeFileSync(join(site, 'index.html'), PAGE);
    for (const [name, settings] of Object.entries(SETTINGS)) {
      mkdirSync(join(site, name));
      writeFileSync(join(site, name, 'vocab.txt'), `${VOCABULARY.join('\n')}\n`);
      writeFileSync(join(site, name, 'tokenizer_config.json'), JSON.stringify(settings));
    }
    opened = await openSite(site);
    page = await opened.browser.newPage();
    await page.goto(opened.address);
    await page.waitForSelector('#ready', { state: 'attached' });
  }, 400_000); // vite builds the package, on machines that may be busy
  afterAll(async () => {
    await opened?.close();
  });

  test.each(Object.entries(SETTINGS))(`gives the ids of Node on ${TEXTS} texts: %s`, async (name, settings) => {
    const files = { 'vocab.txt': VOCABULARY.join('\n'), 'tokenizer_config.json': JSON.stringify(settings) };
    const node = createTokenizer(files);
    const random = generator(7);
    const texts = Array.from({ length: TEXTS }, () => textOf(random));
    const call = `encode(${JSON.stringify(name)}, ${JSON.stringify(texts)})`;
    const found = await page.evaluate<number[][]>(call);
    const differing: unknown[] = [];
    let known = 0;
    for (const [i, text] of texts.entries()) {
      const want = await node.encode(text);
      known += want.filter((id) => id >= SPECIAL.length).length;
      if (JSON.stringify(found[i]) !== JSON.stringify(want)) differing.push([text, found[i], want]);
    }
    expect(differing).toEqual([]);
    expect(known).toBeGreaterThan(10 * TEXTS); // most pieces are in the vocabulary
  });
});
