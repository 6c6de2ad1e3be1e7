// A built page on a server of its own, and the Chromium that opens it.
import type { Browser } from 'playwright-core';
import { preview } from 'vite';
import { openChromium } from './chromium.js';

/** A page that is served. */
export interface Site {
  address: string;
  browser: Browser;
  close(): Promise<void>;
}

/** Serves a folder on a free port and starts Chromium; the caller closes both. */
export async function openSite(outDir: string, options: { gpu?: boolean } = {}): Promise<Site> {
  const server = await preview({ configFile: false, logLevel: 'silent', build: { outDir }, preview: { port: 0 } });
  const stop = (): Promise<void> => server.close();
  const browser = await openChromium(options).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const close = async (): Promise<void> => {
    await browser.close();
    await stop();
  };
  return { address: server.resolvedUrls?.local[0] ?? '', browser, close };
}
