// Pictures of every format, against what Pillow reads of them: fixtures/make_pictures.py.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import sharp from 'sharp';
import { openSource } from '#platform';
import { openSafetensors } from '../../src/checkpoint/safetensors.js';
import { DataError } from '../../src/errors.js';
import { decodePicture, readPicture } from '../../src/pictures/decode.js';
import { pictureKind } from '../../src/pictures/kind.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const FIXTURES = join('test', 'fixtures', 'pictures');
const FILES = readdirSync(FIXTURES).filter((name) => /\.(?!safetensors|json)/.test(name));
const folder = temporaryFolder();

const expected = await openSafetensors(await openSource(join(FIXTURES, 'expected.safetensors')));

/** Largest difference of a byte. */
async function difference(name: string, as: 'shown' | 'stored'): Promise<number> {
  const { width, height, rgb } = await readPicture(join(FIXTURES, name), { as });
  const tensor = `${as}/${name}`;
  expect([height, width, 3]).toEqual(expected.tensors.get(tensor)?.shape);
  const wanted = await expected.readBytes(tensor);
  return rgb.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (wanted[i] as number))), 0);
}

describe('decoding', () => {
  test.each(FILES)('%s: stored, the bytes of Pillow', async (name) => {
    expect(await difference(name, 'stored')).toBeLessThanOrEqual(name === 'rgb.avif' ? 1 : 0);
  });

  // AVIF and profiles are converted by another library, which rounds differently.
  test.each(FILES)('%s: shown, upright and over white', async (name) => {
    expect(await difference(name, 'shown')).toBeLessThanOrEqual(
      ['srgb-profile.png', 'rgb.avif'].includes(name) ? 1 : 0,
    );
  });

  test('brings colors of a wide profile to sRGB when shown, and leaves them when stored', async () => {
    const rgb = new Uint8Array(48).map((_, i) => [220, 40 + i, 30][i % 3] ?? 0);
    const p3 = await sharp(rgb, { raw: { width: 4, height: 4, channels: 3 } })
      .withIccProfile('p3')
      .png()
      .toBuffer();
    const [shown, stored] = [await decodePicture(p3, 'p3'), await decodePicture(p3, 'p3', { as: 'stored' })];
    const worst = (values: Uint8Array): number =>
      Math.max(...values.map((value, i) => Math.abs(value - (rgb[i] as number))));
    expect(worst(shown.rgb)).toBeLessThanOrEqual(2);
    expect(worst(stored.rgb)).toBeGreaterThanOrEqual(3);
  });

  test.each(FILES)('%s: cut short, it is named', async (name) => {
    const bytes = readFileSync(join(FIXTURES, name));
    for (const share of [0.3, name === 'frames.gif' ? 0.5 : 0.8]) // all of the first frame is in the first two thirds
    {
      const error: unknown = await decodePicture(bytes.subarray(0, bytes.length * share), name).catch(
        (e: unknown) => e,
      );
      expect(error).toBeInstanceOf(DataError);
      expect((error as DataError).message).toMatch(new RegExp(`^${name}: could not be decoded: .+$`)); // one line
      expect((error as DataError).message).not.toContain('bad seek'); // libvips, once for each position
    }
  });

  test('refuses pictures of too many pixels before it decodes them, and what is not a picture', async () => {
    await expect(readPicture(join(FIXTURES, 'rgb.png'), { maxPixels: 390 })).rejects.toThrow('rgb.png: could not be decoded: 23 x 17 pixels, expected at most 390 in all; make it smaller'); // prettier-ignore
    const huge = readFileSync(join(FIXTURES, 'rgb.png'));
    huge.writeUInt32BE(60_000, 16);
    huge.writeUInt32BE(60_000, 20);
    await expect(decodePicture(huge, 'huge')).rejects.toThrow(
      'huge: could not be decoded: 60000 x 60000 pixels, expected at most 67108864 in all',
    );
    await expect(readPicture(join(folder, 'none.jpg'))).rejects.toThrow('none.jpg: expected a picture: no such file');
    await expect(readPicture(folder)).rejects.toThrow('expected a picture: not a file');
    for (const text of [
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
      '%PDF-1.7',
      '',
      '<!doctype html>',
    ]) {
      writeFileSync(join(folder, 'x.jpg'), text);
      const found = text === '' ? 'an empty file' : 'another format';
      await expect(readPicture(join(folder, 'x.jpg'))).rejects.toThrow(`x.jpg: expected a JPEG, PNG, WebP, GIF, AVIF or TIFF picture, found ${found}`); // prettier-ignore
    }
  });

  test('recognizes each format by its first bytes', () => {
    const kinds = FILES.map((name) => pictureKind(readFileSync(join(FIXTURES, name)).subarray(0, 32)));
    const ending = (name: string): string => (name.split('.').at(-1) ?? '').replace('jpg', 'jpeg');
    expect(kinds).toEqual(FILES.map(ending));
  });
});
