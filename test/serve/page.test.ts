// The page at `/`, driven in Chromium if available: from a picture to an answer and its explanation.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { type Browser, type Page } from 'playwright-core';
import { packFeatures } from '../../src/features/store/pack.js';
import { memorySource } from '../../src/features/wrappers.js';
import { encodePng } from '../../src/pictures/png.js';
import type { RunningServer, ServeOptions } from '../../src/serve/contract.js';
import { groupsOf } from '../../src/serve/page/answer-groups.js';
import { serve } from '../../src/serve/serve.js';
import { useBackend } from '../helpers/backend.js';
import { hasChromium, heats, openChromium } from '../helpers/machine/chromium.js';
import { regionsOfImage, writeCheckpoint } from '../helpers/models/pipeline-models.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

jest.setTimeout(60_000);

test.each([
  [
    { answers: [{ answer: 'red', index: 3, score: 0.5 }] },
    [{ title: null, asked: 0, answers: [{ label: 'red', index: 3, score: 0.5 }] }],
  ],
  [
    { classes: [{ label: 'True', index: 1, score: 0.5 }] },
    [{ title: null, asked: 0, answers: [{ label: 'True', index: 1, score: 0.5 }] }],
  ],
  [
    {
      phrases: [
        { phrase: 'a', regions: [] },
        { phrase: 'b', regions: [{ index: 2, score: 1 }] },
      ],
    },
    [
      { title: 'a', asked: 0, answers: [] },
      { title: 'b', asked: 1, answers: [{ label: 'region 2', index: 2, score: 1 }] },
    ],
  ],
  [
    { masks: [{ position: 2, words: [{ word: 'dog', id: 7, score: 1 }] }] },
    [{ title: null, asked: 0, answers: [{ label: 'dog', index: 7, score: 1 }] }],
  ],
  [
    { score: 0.25, matches: false },
    [
      {
        title: null,
        asked: 0,
        answers: [
          { label: 'matches', index: 1, score: 0.25 },
          { label: 'does not match', index: 0, score: 0.75 },
        ],
      },
    ],
  ],
])('an answer such as %j is shown in groups', (answer, groups) => {
  expect(groupsOf(answer)).toEqual(groups);
});

(hasChromium('the served page is driven in a browser') ? describe : describe.skip)('the page', () => {
  const folder = temporaryFolder();
  const [store, pictures] = [join(folder, 'store.vbf'), join(folder, 'pictures')];
  const picture = encodePng({ width: 80, height: 60, rgb: new Uint8Array(80 * 60 * 3).fill(90) });
  const servers: RunningServer[] = [];
  let browser: Browser;

  async function start(
    name: Parameters<typeof writeCheckpoint>[0],
    settings: Parameters<typeof writeCheckpoint>[1],
    options: Partial<ServeOptions> = {},
  ): Promise<RunningServer> {
    const model = await writeCheckpoint(name, settings);
    const server = await serve({ model, features: store, pictures, port: 0, logLevel: 'silent', ...options });
    servers.push(server);
    await server.ready;
    return server;
  }
  const vqa = { task: 'vqa', config: { id2label: { 0: '<unk>', 1: 'yes', 2: 'no', 3: 'red' } } } as const;

  beforeAll(async () => {
    await useBackend();
    const images = ['42', '43', 'two words'].map((id, i) => [id, regionsOfImage(i + 1, 5 + i)] as const);
    await packFeatures(memorySource('made', images), store);
    mkdirSync(pictures);
    writeFileSync(join(pictures, '42.png'), picture);
    browser = await openChromium();
  });
  afterAll(async () => {
    await browser.close();
    await Promise.all(servers.map((server) => server.close()));
  });

  /** Opens the page, and fails on errors, on what the content policy refuses, and on requests to anywhere else. */
  async function open({ url }: RunningServer, options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> {
    const page = await browser.newPage(options);
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (!message.text().includes('401')) problems.push(message.text());
    });
    page.on(
      'request',
      (request) => request.url().startsWith(url) || request.url().startsWith('data:') || problems.push(request.url()),
    );
    await page.goto(url);
    return page;
  }
  const problems: string[] = [];
  afterAll(() => expect(problems).toEqual([]));

  test('shows the regions of a chosen picture, answers, and where the model looked', async () => {
    const page = await open(await start('VisualBertForQuestionAnswering', vqa));
    await page.waitForSelector('#ids option:nth-child(3)', { state: 'attached' });
    await page.selectOption('#ids', '42');
    await page.waitForSelector('#images svg');
    expect(await page.locator('#images rect').count()).toBe(5);
    expect(await page.getAttribute('#images image', 'href')).toBe(
      `data:image/png;base64,${Buffer.from(picture).toString('base64')}`,
    );
    await page.fill('#field-question', 'what is the dog near?');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#regions li');
    expect(await page.$$eval('#answers b', (answers) => answers.map((one) => one.textContent).sort())).toEqual([
      'no',
      'red',
      'yes',
    ]);
    expect(await page.$$eval('#words button', (words) => words.map((one) => one.textContent))).toEqual([
      'what',
      'is',
      'the',
      'dog',
      'near',
      '?',
    ]);
    expect(Math.max(...(await heats(page, '#images rect')))).toBe(1);
    const before = await heats(page, '#images rect');
    await page.locator('#answers button').nth(2).focus();
    await page.keyboard.press('Enter');
    const last = await page.locator('#answers b').nth(2).textContent();
    await page.waitForFunction((label) => document.getElementById('from')?.textContent?.includes(`“${label}”`), last);
    expect(await heats(page, '#images rect')).not.toEqual(before);
    await page.selectOption('#method', 'leave-out');
    await page.waitForFunction(() => document.getElementById('from')?.textContent?.startsWith('What'));
    await page.selectOption('#method', 'rollout');
    await page.waitForFunction(() =>
      document.getElementById('from')?.textContent?.startsWith('How much the position from which answers are read'),
    );
    await page.close();
  });

  test('finds pictures by parts of their ids, draws boxes without a picture, and shows errors', async () => {
    const page = await open(servers[0] as RunningServer);
    await page.fill('#field-question', 'what?');
    await page.click('#send');
    expect(await page.textContent('#problem')).toBe('Choose a picture first.');
    await page.fill('#search', 'WORDS');
    await page.waitForFunction(() => document.querySelectorAll('#ids option').length === 1);
    await page.focus('#ids');
    await page.keyboard.press('ArrowDown');
    await page.waitForSelector('#images svg');
    expect(await page.locator('#images image').count()).toBe(0);
    expect(await page.textContent('#images figcaption')).toBe('two words: 7 regions');
    await page.close();
  });

  test('shows neither pictures nor answers that arrive after a later choice', async () => {
    const page = await open(servers[0] as RunningServer);
    const held = new Map<string, () => void>();
    for (const address of ['/v1/images/42', '/v1/answer'])
      await page.route(`**${address}`, async (route) => {
        await new Promise<void>((resolve) => held.set(address, resolve));
        await route.continue();
      });
    /** Lets a held request go on, and waits until the page has had the response to it, or to the last one that follows. */
    const release = async (address: string, last = address): Promise<void> => {
      const answered = page.waitForResponse(`**${last}`);
      held.get(address)?.();
      await (await answered).finished();
      await page.waitForTimeout(50);
    };
    const caption = (): Promise<string | null> => page.textContent('#images figcaption');
    await page.waitForSelector('#ids option:nth-child(3)', { state: 'attached' });
    await page.selectOption('#ids', '42');
    await page.selectOption('#ids', '43');
    await page.waitForSelector('#images figcaption');
    await release('/v1/images/42', '/v1/images/42/picture');
    expect(await caption()).toBe('43: 6 regions');
    await page.fill('#field-question', 'what?');
    await page.click('#send');
    await page.selectOption('#ids', 'two words');
    await page.waitForFunction(() =>
      document.querySelector('#images figcaption')?.textContent?.startsWith('two words'),
    );
    await release('/v1/answer');
    expect(await page.isVisible('#result')).toBe(false);
    await page.unroute('**/v1/answer');
    await page.click('#send');
    await page.waitForSelector('#regions li');
    expect(await page.getAttribute('#send', 'aria-busy')).toBe('false');
    await page.close();
  });

  test('takes two pictures for a statement', async () => {
    const page = await open(await start('VisualBertForVisualReasoning', { task: 'nlvr2', config: { numLabels: 2 } }));
    await page.waitForSelector('#ids option:nth-child(3)', { state: 'attached' });
    await page.selectOption('#ids', '42');
    await page.waitForSelector('#images figure:nth-child(1)');
    await page.check('input[value="1"]');
    await page.selectOption('#ids', '43');
    await page.waitForSelector('#images figure:nth-child(2)');
    await page.fill('#field-statement', 'the dog is red');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#regions li');
    expect(await heats(page, '#images rect')).toHaveLength(11);
    expect(await page.locator('#answers button').count()).toBe(2);
    await page.close();
  });

  test('asks for the token, and about a sent picture', async () => {
    const detector = { detect: async () => [regionsOfImage(2, 6)] };
    const page = await open(await start('VisualBertForQuestionAnswering', vqa, { token: 'abc', detector }));
    await page.waitForSelector('#login:not([hidden])');
    expect(await page.textContent('#problem')).toBe('This server requires its token.');
    await page.fill('#token', 'abd');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelector('#problem')?.textContent === 'Wrong token.');
    await page.fill('#token', 'abc');
    await page.keyboard.press('Enter');
    await page.setInputFiles('#file', join(pictures, '42.png'));
    await page.waitForSelector('#images svg');
    expect(await page.textContent('#images figcaption')).toBe('42.png: 6 regions');
    await page.fill('#field-question', 'what?');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#regions li');
    expect(await page.isVisible('#problem')).toBe(false);
    await page.close();
  });

  test.each([
    [1200, 'light', 'rgb(255, 255, 255)'],
    [360, 'dark', 'rgb(17, 24, 39)'],
  ] as const)('fits a window of %d pixels, %s', async (width, colorScheme, paper) => {
    const page = await open(servers[0] as RunningServer, { viewport: { width, height: 900 }, colorScheme });
    await page.waitForSelector('#ids option:nth-child(3)', { state: 'attached' });
    await page.selectOption('#ids', '42');
    await page.fill('#field-question', 'what is the dog near?');
    await page.waitForSelector('#images svg');
    await page.click('#send');
    await page.waitForSelector('#regions li');
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe(paper);
    const tops = await page.$$eval('main > section', (sections) =>
      sections.map((one) => one.getBoundingClientRect().top),
    );
    expect((tops[1] as number) > (tops[0] as number)).toBe(width < 760); // one below the other, or side by side
    if (process.env.SCREENSHOTS)
      await page.screenshot({ path: join(process.env.SCREENSHOTS, `serve-${width}.png`), fullPage: true });
    await page.close();
  });

  test('comes with a content policy that allows nothing from elsewhere, as does the document of the API', async () => {
    const server = servers[0] as RunningServer;
    for (const path of ['/', '/page.js', '/page.css', '/v1/model', '/docs']) {
      const { headers } = await fetch(`${server.url}${path}`);
      expect(headers.get('content-security-policy')).toMatch(
        /^default-src 'none'; script-src 'self'; style-src 'self';/,
      );
    }
    const page = await browser.newPage();
    const seen: string[] = [];
    page.on('request', (request) => seen.push(new URL(request.url()).origin));
    await page.goto(`${server.url}/docs`);
    await page.waitForSelector('.opblock');
    expect(new Set(seen.filter((origin) => origin !== 'null'))).toEqual(new Set([server.url]));
    await page.close();
  });
});
