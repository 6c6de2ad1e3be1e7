// The page of examples/onnx, built and driven in Chromium: onnxruntime-web answers as `forward` does.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { regionsOf } from '../../../examples/browser/learn.js';
import { buildOnnxPage } from '../../../examples/onnx/build.js';
import { RandomStream } from '../../../examples/shapes/random-stream.js';
import { createScene } from '../../../examples/shapes/scene.js';
import { pipeline } from '../../../src/node.js';
import { hasChromium } from '../../helpers/machine/chromium.js';
import { openSite, type Site } from '../../helpers/machine/site.js';
import { saveShapesRun } from '../../helpers/models/shapes-run.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

/** Other orders of sums. */
const TOLERANCE = 1e-5;
const QUESTIONS = ['How many red things are there?', 'Is there a blue square in the top left?'];

const folder = temporaryFolder();
const [run, site] = [join(folder, 'run'), join(folder, 'site')];
let opened: Site;

(hasChromium('the onnxruntime example is driven') ? describe : describe.skip)('the onnxruntime example', () => {
  beforeAll(async () => {
    await saveShapesRun(run, 'how many red blue things are there is a square in the top left');
    await buildOnnxPage(run, site);
    opened = await openSite(site);
  }, 120_000);
  afterAll(async () => {
    await opened?.close();
  });

  test('answers in onnxruntime-web as this package does', async () => {
    const ask = await pipeline('visual-question-answering', run, { compile: false });
    const page = await opened.browser.newPage();
    await page.goto(`${opened.address}?seed=5`);
    const regions = regionsOf(createScene('scene', new RandomStream(5, 'scenes'), {}));
    for (const question of QUESTIONS) {
      await page.waitForSelector('#ask:not([disabled])');
      await page.fill('#question', question);
      await page.click('#ask');
      await page.waitForSelector('#ask:not([disabled])');
      expect(await page.textContent('#status')).toBe('ready');
      const scores = await page.$$eval('#answers li', (items) =>
        items.map((item): [string, number] => [item.dataset['answer'] ?? '', Number(item.dataset['score'])]),
      );
      const shown = new Map(scores);
      for (const { answer, score } of await ask({ question, regions }, { topK: 4 }))
        expect([question, answer, Math.abs((shown.get(answer) ?? NaN) - score) < TOLERANCE]).toEqual([
          question,
          answer,
          true,
        ]);
    }
    await page.close();
    await ask.dispose();
  });
});
