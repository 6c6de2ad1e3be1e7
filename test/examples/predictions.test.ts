// The quickstart's picture and page of predictions.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from '@jest/globals';
import { predictionPage } from '../../examples/shapes/page.js';
import { PANEL_WIDTH, type Prediction } from '../../examples/shapes/panel.js';
import { hasFont, predictionDrawing, predictionPicture } from '../../examples/shapes/picture.js';
import { RandomStream } from '../../examples/shapes/random-stream.js';
import { createScene } from '../../examples/shapes/scene.js';
import { decodePng } from '../../src/pictures/png.js';
import { hasChromium, openChromium } from '../helpers/machine/chromium.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const prediction = (i: number, answer: string): Prediction => ({
  scene: createScene(String(i), new RandomStream(i, 'predictions'), {}),
  text: `Is there a <b>red</b> & blue square in the bottom right of scene ${i}?`,
  truth: 'yes',
  answers: [
    { answer, score: 0.75 },
    { answer: 'other', score: 0.25 },
  ],
});
const PREDICTIONS = [prediction(0, 'Yes'), prediction(1, 'no'), prediction(2, 'yes'), prediction(3, 'no')];
const folder = temporaryFolder();

test('the drawing has the boxes, the answers with their shares, and the right answer of a wrong one', () => {
  const [right, wrong] = [predictionDrawing(PREDICTIONS.slice(0, 1)), predictionDrawing(PREDICTIONS.slice(1, 2))];
  const texts = (svg: string): string[] => [...svg.matchAll(/>([^<>]+)<\/text\s*>/g)].map(([, text = '']) => text);
  expect(texts(right).slice(-4)).toEqual(['Yes', '75%', 'other', '25%']);
  expect(texts(wrong).at(-1)).toBe('right: yes');
  expect(right.match(/stroke-width="1.5"/g)).toHaveLength(PREDICTIONS[0]?.scene.boxes.length ?? 0);
  expect(right).toContain(`width="${(0.75 * PANEL_WIDTH).toFixed(1)}"`);
  expect(right).not.toContain('<b>');
});

const font = await hasFont();
if (!font)
  process.stderr.write('skipped: text in a picture, and there is no font (apt-get install fonts-dejavu-core)\n');

test('the picture is a PNG of three columns, with text', async () => {
  const { width, height, rgb } = decodePng(await predictionPicture(PREDICTIONS));
  expect([width, height]).toEqual([1056, 1020]);
  const isInked = (x: number, y: number): boolean => (rgb[(y * width + x) * 3] ?? 255) < 128;
  const inked = Array.from({ length: 320 * 36 }, (_, i) => isInked(24 + (i % 320), 348 + Math.floor(i / 320)));
  expect(inked.filter(Boolean).length > 300).toBe(font); // the two lines of the question
});

(hasChromium('the page of predictions is driven in a browser') ? test : test.skip)(
  'the page goes through its predictions by button and key, all or the wrong ones',
  async () => {
    const path = join(folder, 'page.html');
    writeFileSync(path, predictionPage('Predictions', [...PREDICTIONS.slice(1), ...PREDICTIONS.slice(0, 1)]));
    const browser = await openChromium();
    try {
      const page = await browser.newPage({ viewport: { width: 800, height: 800 }, colorScheme: 'dark' });
      const problems: string[] = [];
      page.on('pageerror', (error) => problems.push(error.message));
      page.on('console', (message) => problems.push(message.text()));
      await page.goto(pathToFileURL(path).href);
      const shown = (): Promise<(string | null)[]> =>
        page.$$eval('article:not([hidden]) svg', (all) => all.map((one) => one.getAttribute('aria-label')));
      const place = (): Promise<string | null> => page.textContent('#place');
      expect([await place(), (await shown()).length]).toEqual(['1 of 4', 1]);
      await page.click('#next');
      await page.keyboard.press('ArrowRight');
      expect(await place()).toBe('3 of 4');
      await page.check('#wrong');
      expect([await place(), (await shown())[0]]).toEqual(['1 of 2', expect.stringContaining('scene 1? no')]);
      await page.click('#previous');
      expect(await shown()).toEqual([expect.stringContaining('scene 3? no')]);
      await page.uncheck('#wrong');
      await page.keyboard.press('End');
      expect(await place()).toBe('4 of 4');
      await page.keyboard.press('Home');
      expect([await place(), (await shown())[0]]).toEqual(['1 of 4', expect.stringContaining('scene 2? yes')]);
      await page.setViewportSize({ width: 1280, height: 800 });
      await page.getByText('1 to 3 of 4').waitFor();
      expect((await shown()).length).toBe(3);
      await page.click('#next');
      expect([await place(), (await shown()).length]).toEqual(['4 of 4', 1]);
      expect(problems).toEqual([]);
    } finally {
      await browser.close();
    }
  },
);
