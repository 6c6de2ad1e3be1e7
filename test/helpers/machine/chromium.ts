// Chromium for tests of pages, with SwiftShader as its GPU.
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const PATH = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

/** Software rendering for WebGL and WebGPU. */
const GPU_FLAGS = [
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
];

/** Whether there is a Chromium; where there is none, says on stderr what is left out. */
export function hasChromium(leftOut: string): boolean {
  if (PATH !== undefined) return true;
  process.stderr.write(`skipped: ${leftOut}, and there is no Chromium (apt-get install chromium)\n`);
  return false;
}

/** Starts it; the caller closes it. */
export async function openChromium({ gpu = false } = {}): Promise<Browser> {
  return chromium.launch({ executablePath: PATH ?? '', args: ['--no-sandbox', ...(gpu ? GPU_FLAGS : [])] });
}

/** How strongly the elements of a page are shaded, in their order. */
export async function heats(page: Page, selector: string): Promise<number[]> {
  return page.$$eval(selector, (elements) =>
    elements.map((one) => Number((one as HTMLElement).style.getPropertyValue('--heat'))),
  );
}
