// Small detectors of random weights in folders, as `visualbert convert` writes them, and pictures for them.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePng } from '../../../src/pictures/png.js';
import { convertDetector } from '../../../src/vision/weights/convert.js';
import { DETECTOR_FILES, narrowDetector } from '../../vision/narrow.js';
import { drawnPicture } from '../parity/fixtures.js';

/** Writes the narrow detector of a name into a folder; `called` is the name that it goes by there. */
export async function writeDetector(
  folder: string,
  name: keyof typeof DETECTOR_FILES,
  called: string | null = name,
): Promise<string> {
  const source = join('test', 'fixtures', 'vision', DETECTOR_FILES[name]);
  await convertDetector(source, { outDir: folder, detector: narrowDetector(name) });
  const path = join(folder, 'config.json');
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), name: called }));
  return folder;
}

/** Writes a picture with colored shapes; other sizes give other ones. */
export function writePicture(path: string, width: number, height: number): string {
  writeFileSync(path, encodePng(drawnPicture(width, height)));
  return path;
}
