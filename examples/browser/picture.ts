// Makes the README's picture of the page: `node dist/examples/browser/picture.js`, after the quickstart; requires Chromium.
import { resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { preview } from 'vite';

const OUT_DIR = resolve('dist', 'browser-example'); // `npm run example:browser` built it
const PICTURE = 'docs/browser.png';

const server = await preview({
  configFile: false,
  logLevel: 'silent',
  build: { outDir: OUT_DIR },
  preview: { port: 0 },
});
const browser = await chromium.launch({
  executablePath: process.argv[2] ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
const page = await browser.newPage({ viewport: { width: 1100, height: 640 } });
await page.goto(`${server.resolvedUrls?.local[0]}?seed=3`);
await page.selectOption('#backend', 'wasm');
await page.click('#load');
await page.waitForSelector('main:not([inert])');
await page.click('#learn');
await page.waitForSelector('main:not([inert])');
await page.check('#detect');
await page.waitForSelector('main:not([inert])');
await page.screenshot({ path: PICTURE });
console.log(`Picture: ${PICTURE}`);
await browser.close();
await server.close();
