// The browser example, built and driven in Chromium: it answers like Node on every backend, learns, and saves files that Node and transformers load.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Page } from 'playwright-core';
import { preview } from 'vite';
import { buildPage } from '../../../examples/browser/build.js';
import { colorExamples, regionsOf } from '../../../examples/browser/learn.js';
import { SHAPES_DETECTOR } from '../../../examples/shapes/detector.js';
import { drawScene } from '../../../examples/shapes/draw.js';
import { RandomStream } from '../../../examples/shapes/random-stream.js';
import { SHAPES_RECIPE } from '../../../examples/shapes/recipe.js';
import { questionsAbout } from '../../../examples/shapes/questions.js';
import { createScene, type Scene } from '../../../examples/shapes/scene.js';
import { pipeline, RegionDetector, TrainableDetector, VisualBertForQuestionAnswering } from '../../../src/node.js';
import { readZipDirectory } from '../../../src/formats/zip/zip-reader.js';
import { readZipEntry } from '../../../src/formats/zip/zip-entry.js';
import { openSource } from '../../../src/platform/node.js';
import { encodePng } from '../../../src/pictures/png.js';
import { hasChromium } from '../../helpers/machine/chromium.js';
import { findPython, runPython } from '../../helpers/machine/python.js';
import { openSite, type Site } from '../../helpers/machine/site.js';
import { drawnPicture } from '../../helpers/parity/fixtures.js';
import { saveShapesRun } from '../../helpers/models/shapes-run.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

/** Other orders of sums, and other polynomials for erf and exp. */
const TOLERANCE = 1e-4;
const QUESTIONS = [
  'How many red things are there?',
  'WHAT  cölor is the\tthing?',
  'Is there a [MASK] 紅い square? \u200d\u0301 ½ ﬁ',
  'where’s the "blue" thing — top-left?!',
  '🟥 red?\u00a0no',
];
const BACKENDS = ['cpu', 'wasm', 'webgl', 'webgpu'];

/** transformers reads the saved folder: what it misses, and the weights that were trained. */
const READ_IN_PYTHON = `
import json, sys
from transformers import VisualBertForQuestionAnswering
model, info = VisualBertForQuestionAnswering.from_pretrained(sys.argv[1], output_loading_info=True)
print(json.dumps({"missing": sorted(info["missing_keys"]), "head": model.cls.weight.flatten().tolist()}))
`;

/** Writes the files of a zip archive into a folder. */
async function unpack(path: string, into: string): Promise<void> {
  mkdirSync(into);
  const source = await openSource(path);
  for (const [name, entry] of await readZipDirectory(source, { allowDeflated: true }))
    writeFileSync(join(into, name), await readZipEntry(source, entry, name));
  await source.close();
}

const folder = temporaryFolder();
const [run, detector, site] = [join(folder, 'run'), join(folder, 'detector'), join(folder, 'site')];
let opened: Site;

(hasChromium('the browser example is driven') ? describe : describe.skip)('the browser example', () => {
  beforeAll(async () => {
    await saveShapesRun(
      run,
      'how many red blue things are there is a what color the thing in top left square where s no',
    );
    const finder = new TrainableDetector(SHAPES_DETECTOR, { seed: 4 });
    await finder.savePretrained(detector);
    finder.dispose();
    await buildPage({ run, detector }, site);
    opened = await openSite(site, { gpu: true });
  }, 400_000); // vite builds the page, on machines that may be busy
  afterAll(async () => {
    await opened?.close();
  });

  async function open(backend: string, model = 'models/float16'): Promise<Page> {
    const page = await opened.browser.newPage();
    page.setDefaultTimeout(100_000);
    await page.goto(`${opened.address}?seed=5`);
    await page.selectOption('#address', model);
    await page.selectOption('#backend', backend);
    await page.click('#load');
    await page.waitForSelector('main:not([inert])');
    return page;
  }
  const scoresIn = (page: Page): Promise<[string, number][]> =>
    page.$$eval('#answers li', (items) =>
      items.map((item): [string, number] => [item.firstChild?.textContent ?? '', Number(item.dataset['score'])]),
    );
  async function ask(page: Page, question: string): Promise<Map<string, number>> {
    await page.fill('#question', question);
    await page.press('#question', 'Enter');
    await page.waitForSelector('main:not([inert])');
    return new Map(await scoresIn(page));
  }

  test.each([
    ['cpu', 'models/float16'],
    ['wasm', 'models/uint8'],
    ['webgl', 'models/float16'],
    ['webgpu', 'models/float16'],
  ])(
    'answers on %s as Node does, with texts of every kind',
    async (backend, model) => {
      const node = await pipeline('visual-question-answering', join(site, model), { compile: false });
      const page = await open(backend, model);
      expect(await page.textContent('#status')).toContain(`parameters on ${backend}`);
      const regions = regionsOf(createScene('scene', new RandomStream(5, 'scenes'), {}));
      for (const question of QUESTIONS) {
        const [got, want] = [await ask(page, question), await node({ question, regions }, { topK: 4 })];
        for (const { answer, score } of want)
          expect([question, answer, Math.abs((got.get(answer) ?? NaN) - score) < TOLERANCE]).toEqual([
            question,
            answer,
            true,
          ]);
      }
      await page.close();
      await node.dispose();
    },
    150_000,
  );

  test.each(BACKENDS)(
    'finds the regions of a picture on %s as Node does',
    async (backend) => {
      const node = await RegionDetector.fromPretrained(detector, { compile: false });
      const [want] = await node.detect([drawScene(createScene('scene', new RandomStream(5, 'scenes'), {}))]);
      await node.dispose();
      const page = await open(backend);
      await page.check('#detect');
      await page.waitForSelector('main:not([inert])');
      const got = await page.$$eval('#scene rect', (boxes) =>
        boxes.map((box) => ['x', 'y', 'width', 'height'].map((name) => Number(box.getAttribute(name)))),
      );
      const [boxes, count] = [want?.boxes ?? [], want?.count ?? 0];
      expect(got).toHaveLength(count);
      got.forEach(([x = NaN, y = NaN, width = NaN, height = NaN], i) => {
        [x, y, x + width, y + height].forEach((side, k) => expect(side).toBeCloseTo(boxes[4 * i + k] as number, 2));
      });
      await page.close();
    },
    150_000,
  );

  test("finds the regions of a picture of one's own as Node does, and answers about it", async () => {
    const picture = drawnPicture(70, 50);
    const node = await RegionDetector.fromPretrained(detector, { compile: false });
    const [want] = await node.detect([picture]);
    await node.dispose();
    const page = await open('wasm');
    const before = await page.textContent('#answers');
    await page.setInputFiles('#file', {
      name: 'own.png',
      mimeType: 'image/png',
      buffer: Buffer.from(encodePng(picture)),
    });
    await page.waitForSelector('main:not([inert])');
    expect(await page.getAttribute('#scene', 'viewBox')).toBe('0 0 70 50');
    const got = await page.$$eval('#scene rect', (boxes) =>
      boxes.map((box) => ['x', 'y'].map((name) => Number(box.getAttribute(name)))),
    );
    expect(got.length).toBeGreaterThan(0);
    const corners = Array.from({ length: want?.count ?? 0 }, (_, i) => [
      ...(want?.boxes ?? []).slice(4 * i, 4 * i + 2),
    ]);
    for (const [x = NaN, y = NaN] of got)
      expect(corners.some(([a = 0, b = 0]) => Math.hypot(a - x, b - y) < 0.01)).toBe(true);
    expect(await page.textContent('#answers')).not.toBe(before);
    const text = { name: 'own.txt', mimeType: 'text/plain', buffer: Buffer.from('text') };
    await page.setInputFiles('#file', text);
    await page.waitForSelector('main:not([inert])');
    expect(await page.textContent('#status')).toContain('own.txt is no picture that this browser shows');
    await page.close();
  }, 150_000);

  test.each(BACKENDS)(
    'learns a color on %s, and saves a model with which Node gives the same answers',
    async (backend) => {
      const page = await open(backend);
      page.setDefaultTimeout(500_000); // software rendering, on machines that may be busy
      await page.click('#learn');
      await page.waitForSelector('main:not([inert])');
      expect(await page.textContent('#learnt')).toMatch(/^\d+% right before, \d+% after/);
      expect(await page.locator('#curve path').count()).toBe(1);
      const question = await page.inputValue('#question');
      const answers = await ask(page, question);
      expect(answers.has('orange')).toBe(true);
      const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
      const saved = join(folder, `saved-${backend}`);
      await unpack(await download.path(), saved);
      await page.close();
      // The page draws its first scene and question, then one with the new color, out of one stream.
      const random = new RandomStream(5, 'scenes');
      random.pick(questionsAbout(createScene('scene', random, {})));
      const [example] = colorExamples('orange', 1, random);
      expect(question).toBe(example?.question);
      const regions = regionsOf(example?.scene as Scene);
      const node = await pipeline('visual-question-answering', saved, { compile: false });
      const found = await node({ question, regions }, { topK: answers.size });
      await node.dispose();
      expect(found.map(({ answer }) => answer)).toContain('orange');
      for (const { answer, score } of found)
        expect([answer, Math.abs((answers.get(answer) ?? NaN) - score) < TOLERANCE]).toEqual([answer, true]);
      const python = findPython();
      if ('python' in python) {
        const script = join(folder, 'read.py');
        writeFileSync(script, READ_IN_PYTHON);
        const state = await (await VisualBertForQuestionAnswering.fromPretrained(saved)).stateDict();
        const { missing, head } = runPython<{ missing: string[]; head: number[] }>(python.python, script, [saved]);
        expect(missing).toEqual([]);
        expect(head).toEqual(Array.from(state.get('cls.weight')?.data ?? []));
      }
    },
    600_000,
  );

  const statusIs = (page: Page, expected: RegExp): Promise<unknown> =>
    page.waitForFunction(
      ({ source }) => new RegExp(source).test(document.getElementById('status')?.textContent ?? ''),
      expected,
    );

  test('loads the model from the cache without a network, and says what is missing without it', async () => {
    const page = await open('wasm');
    await page.context().setOffline(true);
    await page.click('#load');
    await statusIs(page, /^\d+ parameters on wasm$/);
    await page.click('#forget');
    await statusIs(page, /^the cache is empty$/);
    await page.click('#load');
    await statusIs(page, /model\.json: the server cannot be reached, .*check the network/);
    await page.context().setOffline(false);
    await page.click('#load');
    await statusIs(page, /^\d+ parameters on wasm$/);
    await page.close();
  }, 100_000);

  test('stops a download, keeps the model before, and clears the message at the next action', async () => {
    const page = await open('wasm');
    await page.click('#forget');
    await statusIs(page, /^the cache is empty$/);
    await page.route('**/*.bin', () => undefined); // never answered
    await page.click('#load');
    await page.click('#abort:not([disabled])');
    await statusIs(page, /^the download was stopped; complete files are kept, and Load continues it$/);
    await page.fill('#question', ' ');
    await page.press('#question', 'Enter');
    await statusIs(page, /^the question is blank; type one$/);
    await page.fill('#question', 'Is there a red thing?');
    await page.press('#question', 'Enter');
    await statusIs(page, /^\d+ parameters on wasm$/);
    await page.close();
  }, 100_000);

  test('finishes an answer before another backend is loaded, and stops learning for it', async () => {
    const page = await open('webgl');
    const loadOn = async (backend: string): Promise<void> => {
      await page.selectOption('#backend', backend);
      await page.click('#load');
      await statusIs(page, new RegExp(`^\\d+ parameters on ${backend}$`));
    };
    await page.press('#question', 'Enter');
    await loadOn('wasm');
    await page.click('#learn');
    await statusIs(page, /^learning$/);
    await loadOn('cpu');
    expect(await page.textContent('#learnt')).toBe('');
    await page.close();
  }, 100_000);

  test('keeps the model when the browser lacks the chosen backend', async () => {
    const page = await open('wasm');
    await page.evaluate(() => Object.defineProperty(navigator, 'gpu', { value: undefined }));
    await page.selectOption('#backend', 'webgpu');
    await page.click('#load');
    await statusIs(page, /^this browser cannot compute on webgpu; choose another backend$/);
    expect((await ask(page, 'Is there a red thing?')).size).toBeGreaterThan(0);
    await statusIs(page, /^\d+ parameters on wasm$/);
    await page.close();
  }, 100_000);

  test('says how much of a long question was read', async () => {
    const page = await open('wasm');
    await ask(page, `what color ${'is the thing '.repeat(80)}`);
    const [, read, total] = /read the first (\d+) of its (\d+) word pieces/.exec(
      (await page.textContent('#status')) ?? '',
    ) as RegExpExecArray;
    expect(Number(total)).toBe(2 + 3 * 80 + 1); // with its question mark
    expect(Number(read)).toBe(SHAPES_RECIPE.model.maxPositionEmbeddings - 3);
    await page.close();
  }, 100_000);

  test('opens without its server after the first visit', async () => {
    const server = await preview({
      configFile: false,
      logLevel: 'silent',
      build: { outDir: site },
      preview: { port: 0 },
    });
    const page = await opened.browser.newPage();
    await page.goto(server.resolvedUrls?.local[0] ?? '');
    await page.evaluate(async () => void (await navigator.serviceWorker.ready));
    await server.close();
    await page.reload();
    await statusIs(page, /^choose a model and load it$/);
    await page.selectOption('#backend', 'wasm');
    await page.click('#load');
    await statusIs(page, /the server cannot be reached/);
    await page.close();
  }, 100_000);
});
