// Every class against PyTorch in Chromium, on WebGPU and WebGL over SwiftShader and on WebAssembly.
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe } from '@jest/globals';
import { type Page } from 'playwright-core';
import { buildSite } from '../../../examples/build-site.js';
import { hasChromium } from '../../helpers/machine/chromium.js';
import type { Fixture } from '../../helpers/parity/fixture.js';
import { fixtureNames } from '../../helpers/parity/fixtures.js';
import { describeParity, type ParitySubject } from '../../helpers/parity/parity-cases.js';
import type { ParityPage, PlainFixture, PlainNamed } from '../../helpers/parity/parity-page.js';
import type { Named } from '../../helpers/parity/parity-values.js';
import { openSite, type Site } from '../../helpers/machine/site.js';
import { someOf } from '../../helpers/slow-share.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

declare const parity: ParityPage; // in the page

const folder = temporaryFolder();
let site: Site;

const plainFixture = ({ tensors, ...rest }: Fixture): PlainFixture => ({
  ...rest,
  tensors: [...tensors].map(([name, { data, ...tensor }]) => [name, { ...tensor, data: Array.from(data) }]),
});
const named = (values: PlainNamed): Named => new Map(values);

/** Opens a fixture's model in a page of its own. */
function openIn(backend: 'webgpu' | 'webgl' | 'wasm'): (fixture: Fixture) => Promise<ParitySubject> {
  return async (fixture) => {
    const page: Page = await site.browser.newPage();
    page.setDefaultTimeout(300_000);
    await page.goto(site.address);
    await page.waitForFunction(() => 'parity' in globalThis);
    await page.evaluate(([one, on]) => parity.open(one, on), [plainFixture(fixture), backend] as const);
    return {
      backend: `${backend} in Chromium`,
      outputs: async () => {
        const { shapes, values } = await page.evaluate(() => parity.outputs());
        return { shapes, values: named(values) };
      },
      gradients: async () => named(await page.evaluate(() => parity.gradients())),
      train: async () => {
        const { losses, parameters } = await page.evaluate(() => parity.train());
        return { losses, parameters: named(parameters) };
      },
      dispose: async () => {
        await page.evaluate(() => parity.dispose());
        await page.close();
      },
    };
  };
}

(hasChromium('parity in a browser') ? describe : describe.skip)('in Chromium', () => {
  beforeAll(async () => {
    const entry = resolve('test/helpers/parity/parity-page.ts');
    writeFileSync(join(folder, 'index.html'), `<script type="module" src="${entry}"></script>`);
    const outDir = join(folder, 'site');
    const alias = { '#platform': resolve('src/platform/browser.ts'), '#vision': resolve('src/vision/host/browser.ts') };
    await buildSite(folder, outDir, alias);
    site = await openSite(outDir, { gpu: true });
  }, 400_000); // vite builds the page, on machines that may be busy
  afterAll(async () => {
    await site?.close();
  });

  describe.each(['webgpu', 'webgl', 'wasm'] as const)('on %s', (backend) => {
    describeParity(someOf(fixtureNames()), openIn(backend));
  });
});
