// Resizing, byte for byte as Pillow does it: fixtures/make_pictures.py.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { decodePng } from '../../src/pictures/png.js';
import { resizeBilinear } from '../../src/pictures/resize.js';

const FIXTURES = join('test', 'fixtures', 'pictures');
const picture = decodePng(readFileSync(join(FIXTURES, 'rgb.png')));
const checksums = JSON.parse(readFileSync(join(FIXTURES, 'resized.json'), 'utf8')) as Record<string, number>;

test('resizes to the bytes of Pillow, whichever axis comes first', () => {
  const wrong = Object.entries(checksums).filter(([size, checksum]) => {
    const [width = 0, height = 0] = size.split('x').map(Number);
    const resized = resizeBilinear(picture, width, height);
    expect([resized.width, resized.height]).toEqual([width, height]);
    return crc32(resized.rgb) !== checksum;
  });
  expect(wrong).toEqual([]);
  expect(Object.keys(checksums).length).toBeGreaterThan(60);
});
