// The pages of the built command in Chromium: their scripts are functions by their source, which the bundler has changed.
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, jest, test } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { packFeatures } from '../../src/features/store/pack.js';
import { memorySource } from '../../src/features/wrappers.js';
import { useBackend } from '../helpers/backend.js';
import { visualbert } from '../helpers/command-line/command.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';
import { hasChromium, openChromium } from '../helpers/machine/chromium.js';
import { regionsOfImage, writeCheckpoint } from '../helpers/models/pipeline-models.js';

jest.setTimeout(60_000);
const folder = temporaryFolder();
const store = join(folder, 'store.vbf');
const vqa = { task: 'vqa', config: { id2label: { 0: '<unk>', 1: 'yes', 2: 'no', 3: 'red' } } } as const;

/** The number of answers that a page shows once `ready` has run; fails where its script does. */
async function answersOf(browser: Browser, url: string, selector: string, ask: boolean): Promise<number> {
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.goto(url);
  expect(problems).toEqual([]);
  if (ask) {
    await page.selectOption('#ids', '7');
    await page.fill('#field-question', 'what is the dog near?');
    await page.click('#send');
  }
  await page.waitForSelector(selector);
  const count = await page.locator(selector).count();
  expect(problems).toEqual([]);
  await page.close();
  return count;
}

(hasChromium('pages of the built command are opened in a browser') ? test : test.skip)(
  'pages of `explain` and `serve` run from the bundle',
  async () => {
    await useBackend();
    const model = await writeCheckpoint('VisualBertForQuestionAnswering', vqa);
    await packFeatures(memorySource('made', [['7', regionsOfImage(1, 5)]]), store);
    const browser = await openChromium();
    try {
      const output = join(folder, 'why.html');
      const question = ['--question', 'what is the dog near?', '--image', '7'];
      const explained = await visualbert([
        'explain',
        '--model',
        model,
        '--features',
        store,
        ...question,
        '--output',
        output,
      ]);
      expect(explained).toMatchObject({ code: 0 });
      expect(await answersOf(browser, pathToFileURL(resolve(output)).href, '#answers button', false)).toBe(3);
      let found: Promise<number> | undefined;
      const served = await visualbert(
        ['serve', '--model', model, '--features', store, '--port', '0'],
        'Server listening at ',
        (child) =>
          child.stdout?.on('data', (text: Buffer) => {
            const [, url = ''] = / at (http\S+)/.exec(text.toString()) ?? [];
            found ??= answersOf(browser, url, '#answers button', true).finally(() => child.kill('SIGTERM'));
          }),
      );
      expect(served.code).toBe(0);
      expect(await found).toBe(3);
    } finally {
      await browser.close();
    }
  },
);
