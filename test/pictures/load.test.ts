// Pictures by path, address and bytes: the same pixels.
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { loadPicture } from '../../src/pictures/load.js';
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
