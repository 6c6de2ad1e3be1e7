// Builds the page with its models into one folder that any web server can serve.
import { copyFile, cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { convertCheckpoint } from '../../src/node.js';
import { buildSite } from '../build-site.js';

/** The page's sources that tsc does not compile; the compiled ones are in the folder of this file. */
const COPIED = ['index.html', 'style.css'];
const QUANTIZATIONS = ['float16', 'uint8'] as const;

/**
 * @param run a run folder of the quickstart's task `vqa` @param detector the folder of its detector
 * @param outDir its contents are removed first
 */
export async function buildPage({ run, detector }: { run: string; detector: string }, outDir: string): Promise<void> {
  const root = join('dist', 'examples', 'browser');
  for (const name of COPIED) await copyFile(join('examples', 'browser', name), join(root, name));
  await buildSite(root, outDir);
  await writeServiceWorker(outDir);
  for (const quantization of QUANTIZATIONS)
    await convertCheckpoint(run, { outDir: join(outDir, 'models', quantization), format: 'tfjs', quantization });
  await cp(detector, join(outDir, 'models', 'detector'), { recursive: true });
}

/** Writes the service worker with the list of the page's files. The browser installs it again when the list changes: names have a hash. */
async function writeServiceWorker(outDir: string): Promise<void> {
  const entries = await readdir(outDir, { recursive: true, withFileTypes: true });
  const paths = entries.filter((one) => one.isFile()).map((one) => relative(outDir, join(one.parentPath, one.name)));
  const files = ['./', ...paths.map((path) => path.split(sep).join('/')).sort()];
  const source = await readFile(join('examples', 'browser', 'service-worker.js'), 'utf8');
  await writeFile(join(outDir, 'service-worker.js'), `const FILES = ${JSON.stringify(files)};\n${source}`);
}
