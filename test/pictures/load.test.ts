// Pictures by path, address and bytes: the same pixels.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { loadPicture, loadPictureUrl } from '../../src/pictures/load.js';
import { drawnPicture } from '../helpers/parity/fixtures.js';
import { writePicture } from '../helpers/models/small-detector.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const root = temporaryFolder();
const path = writePicture(join(root, 'a picture.png'), 20, 13);
const bytes = readFileSync(path);
let server: Server;
let address = '';
beforeAll(async () => {
  server = createServer((request, response) => {
    const isThere = request.url === '/photo.png';
    response.writeHead(isThere ? 200 : 404).end(isThere ? bytes : 'no such picture');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
});

test('a path, an address and bytes give the same picture', async () => {
  const expected = drawnPicture(20, 13);
  const forms = [
    path,
    pathToFileURL(path),
    pathToFileURL(path).href,
    bytes,
    new Uint8Array(bytes).buffer,
    new Blob([bytes]),
    `${address}/photo.png`,
    new URL(`${address}/photo.png`),
    `data:image/png;base64,${bytes.toString('base64')}`,
  ];
  for (const picture of forms) expect(await loadPicture(picture)).toEqual(expected);
});

test('what is none is named', async () => {
  await expect(loadPicture(join(root, 'absent.png'))).rejects.toThrow('absent.png: expected a picture');
  await expect(loadPicture(`${address}/absent.png`)).rejects.toThrow(/absent\.png: expected a picture: .*404/);
  await expect(loadPicture(bytes.subarray(0, 60))).rejects.toThrow('picture of 60 bytes: could not be decoded');
});

test('a page shows pictures of its formats as they are, from files and addresses, and others as JPEG', async () => {
  const asItIs = `data:image/png;base64,${bytes.toString('base64')}`;
  expect(await loadPictureUrl(path)).toBe(asItIs);
  expect(await loadPictureUrl(`${address}/photo.png`)).toBe(asItIs);
  const { rgb } = drawnPicture(20, 13);
  for (const kind of ['avif', 'tiff'] as const) {
    const other = join(root, `photo.${kind}`);
    writeFileSync(other, await sharp(bytes).toFormat(kind, { quality: 100 }).toBuffer());
    const url = await loadPictureUrl(other);
    expect(url).toMatch(/^data:image\/jpeg;base64,/);
    const shown = await loadPicture(url);
    expect([shown.width, shown.height]).toEqual([20, 13]);
    const difference = rgb.reduce((sum, value, i) => sum + Math.abs(value - (shown.rgb[i] ?? 0)), 0) / rgb.length;
    expect(difference).toBeLessThan(16); // JPEG keeps colours at half the resolution; another picture differs by 80
  }
  const text = join(root, 'text.png');
  writeFileSync(text, 'text');
  await expect(loadPictureUrl(text)).rejects.toThrow('expected a JPEG, PNG, WebP, GIF, AVIF or TIFF picture');
});
