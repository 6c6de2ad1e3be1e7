// Builds the page with its models into one folder that any web server can serve.
import { copyFile, cp } from 'node:fs/promises';
import { join } from 'node:path';
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
  for (const quantization of QUANTIZATIONS)
    await convertCheckpoint(run, { outDir: join(outDir, 'models', quantization), format: 'tfjs', quantization });
  await cp(detector, join(outDir, 'models', 'detector'), { recursive: true });
}
