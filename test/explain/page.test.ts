// The page about an answer: one self-contained file, driven in Chromium if available.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Browser, type Page } from 'playwright-core';
import { attendingPosition } from '../../src/explain/contract.js';
import { explain } from '../../src/explain/explain.js';
import { type PageData, pageDataOf } from '../../src/explain/page/data.js';
import { explanationPage } from '../../src/explain/page/page.js';
import { pipeline } from '../../src/pipelines/node-pipeline.js';
import { encodePng } from '../../src/pictures/png.js';
import { useBackend } from '../helpers/backend.js';
import { hasChromium, heats, openChromium } from '../helpers/machine/chromium.js';
import { regionsOfImage, writeCheckpoint } from '../helpers/models/pipeline-models.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const drives = hasChromium('pages are driven in a browser');

const folder = temporaryFolder();
const QUESTION = 'What is the <b>dog</b> near? </script><!--';
const PICTURE = `data:image/png;base64,${Buffer.from(encodePng({ width: 80, height: 60, rgb: new Uint8Array(80 * 60 * 3).fill(90) })).toString('base64')}`;
const ANSWERS = { 0: '<unk>', 1: 'yes', 2: 'no', 3: 'red' };

/** Pages by name: of a question with its picture, a pair of images, and choices. */
const pages: Record<string, PageData> = {};

beforeAll(async () => {
  await useBackend();
  const options = { compile: false };
  const checkpoint = async (
    name: Parameters<typeof writeCheckpoint>[0],
    settings: Parameters<typeof writeCheckpoint>[1],
  ): Promise<string> => {
    const path = await writeCheckpoint(name, settings);
    return path;
  };
  const vqa = await checkpoint('VisualBertForQuestionAnswering', { task: 'vqa', config: { id2label: ANSWERS } });
  const ask = await pipeline('visual-question-answering', vqa, options);
  const question = { question: 'What is the dog near?', regions: regionsOfImage(1) };
  pages['vqa'] = await pageDataOf(ask, question, { text: QUESTION, pictures: [PICTURE], names: ['42'], pairs: true });
  relevance = (await explain(ask, question)).words.map(({ score }) => score);
  const long = { ...question, question: Array(70).fill('dog').join(' ') }; // the model reads 64 pieces
  pages['long'] = await pageDataOf(ask, long, { text: 'long' });
  await ask.dispose();
  const nlvr2 = await checkpoint('VisualBertForVisualReasoning', { task: 'nlvr2', config: { numLabels: 2 } });
  const judge = await pipeline('visual-reasoning', nlvr2, options);
  const { features, count, dim, imageWidth, imageHeight } = regionsOfImage(2, 5);
  const second = { features, count, dim, imageWidth, imageHeight };
  const pair = { statement: 'the dog is red', regions: [regionsOfImage(1), second] };
  pages['nlvr2'] = await pageDataOf(judge, pair, { text: 'a pair', pictures: [PICTURE] });
  await judge.dispose();
  const vcr = await checkpoint('VisualBertForMultipleChoice', { task: 'vcr' });
  const choose = await pipeline('visual-multiple-choice', vcr, options);
  const choices = { question: 'what is it?', choices: ['a dog', 'the red ball', 'no man'], regions: regionsOfImage(3) };
  pages['vcr'] = await pageDataOf(choose, choices, { text: 'choices' });
  await choose.dispose();
});
let relevance: number[] = [];

test('attention is named as that of the answer where each is read in a sequence of its own', () => {
  const { vcr, vqa } = pages as Record<'vcr' | 'vqa', PageData>;
  const rollouts = ({ subjects }: PageData): number => new Set(subjects.map(({ rollout }) => `${rollout}`)).size;
  expect([rollouts(vqa), rollouts(vcr)]).toEqual([1, 3]);
  const reader = ({ task }: PageData, method: string): string | null => attendingPosition(method, task, 'a dog');
  for (const method of ['attention', 'rollout']) {
    expect(reader(vqa, method)).toBe('the position from which answers are read');
    expect(reader(vcr, method)).toBe('the position from which “a dog” is read');
  }
  for (const method of ['relevance', 'leave-out']) expect(reader(vcr, method)).toBeNull();
});

test('the page is one file, and what a person wrote stays text', () => {
  const html = explanationPage(pages['vqa'] as PageData);
  expect(html).not.toMatch(/\b(?:src|href)="(?!data:)/);
  expect(html).toContain("default-src 'none'");
  expect(html.match(/<\/script>/g)).toHaveLength(1);
  expect(html).not.toContain('<b>dog</b>');
});

test('the page says whether the end of the text was read', () => {
  const note = 'its end was not read';
  expect(['vqa', 'long'].map((name) => explanationPage(pages[name] as PageData).includes(note))).toEqual([false, true]);
});

test('its rows are those of explain()', () => {
  const { words, relevance: rows, leaveOut } = pages['vqa']?.subjects[0] ?? { words: [], relevance: [], leaveOut: [] };
  expect(words).toEqual(['what', 'is', 'the', 'dog', 'near', '?']);
  expect([rows.length, rows[0]?.length, leaveOut.length]).toEqual([7, 12, 7]);
  relevance.forEach((score, i) => expect(rows[0]?.[i]).toBeCloseTo(score, 3));
});

(drives ? describe : describe.skip)('in a browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openChromium();
  });
  afterAll(() => browser.close());

  /** Opens a page from disk, and fails on errors and requests. */
  async function open(name: string, options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> {
    const path = join(folder, `${name}.html`);
    writeFileSync(path, explanationPage(pages[name] as PageData));
    const page = await browser.newPage(options);
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => problems.push(message.text()));
    page.on('request', (request) => /^(?:file|data):/.test(request.url()) || problems.push(request.url()));
    await page.goto(pathToFileURL(path).href);
    return page;
  }
  const problems: string[] = [];
  afterAll(() => expect(problems).toEqual([]));

  test('words and boxes are shaded by their share of the largest value', async () => {
    const page = await open('vqa');
    const row = pages['vqa']?.subjects[0]?.relevance[0] ?? [];
    const shares = (values: number[]): number[] =>
      values.map((value) => Math.abs(value) / Math.max(...values.map(Math.abs)));
    (await heats(page, '#words button')).forEach((heat, i) =>
      expect(heat).toBeCloseTo(shares(row.slice(0, 6))[i] as number, 5),
    );
    (await heats(page, '.box')).forEach((heat, i) => expect(heat).toBeCloseTo(shares(row.slice(6))[i] as number, 5));
    expect(await page.title()).toBe(QUESTION);
    expect(await page.$$eval('#answers b', (answers) => answers.map((one) => one.textContent))).toHaveLength(3);
    await page.close();
  });

  test('a word chosen by keyboard shows what it looks at, Escape the answer again', async () => {
    const page = await open('vqa');
    const before = await heats(page, '.box');
    await page.focus('#words button:nth-child(4)');
    await page.keyboard.press('Enter');
    expect(await page.getAttribute('#words button:nth-child(4)', 'aria-pressed')).toBe('true');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('dog'); // the focus stays
    const chosen = await heats(page, '.box');
    expect(chosen).not.toEqual(before);
    await page.keyboard.press('Escape');
    expect(await heats(page, '.box')).toEqual(before);
    await page.close();
  });

  test('layer and head are chosen where attention is shown; leaving out has its color for what helps others', async () => {
    const page = await open('vqa');
    expect(await page.isVisible('#layer')).toBe(false);
    await page.selectOption('#method', 'attention');
    const mean = await heats(page, '.box');
    const about = (): Promise<string | null> => page.textContent('#from');
    expect(await about()).toContain('How much the position from which answers are read attends to each word');
    await page.click('#words button:nth-child(4)');
    expect(await about()).toContain('How much the word “dog” attends to each word');
    await page.click('#words button:nth-child(4)');
    await page.selectOption('#layer', '0');
    await page.selectOption('#head', '3');
    expect(await heats(page, '.box')).not.toEqual(mean);
    await page.selectOption('#method', 'leave-out');
    expect(await about()).toMatch(/^What the answer “\w+” has to do with each word and region\./);
    const falls = (pages['vqa']?.subjects[0]?.leaveOut[0] ?? []).slice(6);
    expect(await page.$$eval('.box', (boxes) => boxes.map((one) => one.classList.contains('negative')))).toEqual(
      falls.map((fall) => fall < 0),
    );
    await page.close();
  });

  test('shows both images of a pair, tiles for one without boxes, and every choice', async () => {
    const pair = await open('nlvr2');
    expect(
      await pair.$$eval('figure', (figures) =>
        figures.map((one) => [one.querySelectorAll('.box').length, one.querySelectorAll('image').length]),
      ),
    ).toEqual([
      [6, 1],
      [5, 0],
    ]);
    expect(await pair.textContent('figure:nth-child(2) figcaption')).toContain('regions without boxes');
    // Five tiles in three columns, whatever the size of the picture.
    expect(pages['nlvr2']?.images[1]).toMatchObject({ width: 150, height: 100, boxes: { 4: [53, 53, 97, 97] } });
    await pair.selectOption('#method', 'leave-out'); // without pairs of words and regions no word can be chosen
    expect(await pair.isDisabled('#words button')).toBe(true);
    await pair.close();
    const choices = await open('vcr');
    expect(await choices.locator('#answers button').count()).toBe(3);
    const words = await choices.textContent('#words');
    await choices.locator('#answers button').nth(1).click();
    expect(await choices.textContent('#words')).not.toBe(words);
    const labels = await choices.locator('#answers b').allTextContents();
    for (const method of ['attention', 'rollout']) {
      await choices.selectOption('#method', method);
      for (const chosen of [0, 2]) {
        await choices.locator('#answers button').nth(chosen).click();
        expect(await choices.textContent('#from')).toContain(
          `How much the position from which “${labels[chosen]}” is read attends to each word and region.`,
        );
      }
      expect(await choices.textContent('#note')).toMatch(/ Each answer has its own\.$/);
    }
    await choices.close();
    const question = await open('vqa');
    for (const method of ['attention', 'rollout']) {
      await question.selectOption('#method', method);
      expect(await question.textContent('#note')).toMatch(/ (?:They do|It does) not depend on the answer\.$/);
    }
    await question.close();
  });

  test.each([
    [1200, 'light', 'rgb(255, 255, 255)'],
    [360, 'dark', 'rgb(17, 24, 39)'],
  ] as const)('fits a window of %d pixels, %s', async (width, colorScheme, paper) => {
    const page = await open('nlvr2', { viewport: { width, height: 800 }, colorScheme });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe(paper);
    const [images, panel] = await page.$$eval('main > section', (sections) =>
      sections.map((one) => one.getBoundingClientRect().top),
    );
    expect((panel as number) > (images as number)).toBe(width < 760); // one below the other, or side by side
    if (process.env.SCREENSHOTS)
      await page.screenshot({ path: join(process.env.SCREENSHOTS, `explain-${width}.png`), fullPage: true });
    await page.close();
  });
});
