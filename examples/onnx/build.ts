// Builds the page with model.onnx into one folder that any web server can serve: `node dist/examples/onnx/build.js RUN OUT`.
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convertCheckpoint } from '../../src/node.js';
import { buildSite } from '../build-site.js';

/**
 * @param run a run folder of the quickstart's task `vqa`
 * @param outDir its contents are removed first
 */
export async function buildOnnxPage(run: string, outDir: string): Promise<void> {
  const root = join('dist', 'examples', 'onnx');
  await copyFile(join('examples', 'onnx', 'index.html'), join(root, 'index.html'));
  await buildSite(root, outDir);
  await convertCheckpoint(run, { outDir: join(outDir, 'model'), format: 'onnx' });
}

const [run, outDir] = process.argv.slice(2);
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (run === undefined || outDir === undefined) throw new Error('usage: node dist/examples/onnx/build.js RUN OUT');
  await buildOnnxPage(run, outDir);
  console.log(`built; open it with: npx vite preview --outDir ${outDir}`);
}
