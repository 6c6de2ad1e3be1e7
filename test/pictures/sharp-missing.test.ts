// Pictures without the optional package sharp.
import { join } from 'node:path';
import { expect, jest, test } from '@jest/globals';
import { writePicture } from '../helpers/models/small-detector.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

jest.unstable_mockModule('sharp', () => {
  throw new Error("Cannot find package 'sharp'");
});
const { openQuestion } = await import('../../src/runs/ask.js');
const { extractFeatures } = await import('../../src/vision/extract.js');

const root = temporaryFolder();
const picture = writePicture(join(root, 'photo.png'), 9, 6);
const MISSING = 'pictures are read by the package sharp, which is not installed; run `npm install sharp`';

test('a question says so before anything is fetched', async () => {
  const model = join(root, 'absent'); // would fail later
  await expect(openQuestion({ model, pictures: [picture], text: 'What is it?' })).rejects.toThrow(
    `${picture}: ${MISSING}`,
  );
});

test('features are not extracted, instead of all pictures being bad', async () => {
  const options = { pictures: root, detector: 'absent', output: join(root, 'a.vbf'), skipBadImages: true };
  await expect(extractFeatures(options)).rejects.toThrow(`features extract: ${MISSING}`);
});
