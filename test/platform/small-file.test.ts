// Downloads into memory from servers that send too much, too slowly, or nothing.
import { symlinkSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { HubError } from '../../src/errors.js';
import { setFetch } from '../../src/platform/http.js';
import { type DownloadLimits, fetchSmallFile } from '../../src/platform/small-file.js';
import { loadPicture, requirePicture } from '../../src/pictures/load.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

/** The servers' ways to misbehave. */
const ANSWERS: Record<string, (response: ServerResponse) => void> = {
  '/small': (response) => void response.end('a few bytes'),
  '/announced': (response) => void response.writeHead(200, { 'content-length': 1 << 30 }).write('x'),
  '/endless': (response) => {
    const piece = Buffer.alloc(1 << 20);
    const send = (): void => {
      while (!response.destroyed && response.write(piece));
    };
    response.on('drain', send);
    send();
  },
  '/silent': () => undefined,
  '/stalled': (response) => void response.write('x'),
  '/slow': (response) => {
    const timer = setInterval(() => response.write(Buffer.alloc(64 << 10)), 50);
    response.on('close', () => clearInterval(timer));
  },
  '/dripping': (response) => {
    const timer = setInterval(() => response.write('x'), 10);
    response.on('close', () => clearInterval(timer));
  },
};
const loop = join(temporaryFolder(), 'loop.png');
symlinkSync(loop, loop);
let server: Server;
let address = '';
beforeAll(async () => {
  server = createServer((request, response) => ANSWERS[request.url ?? '']?.(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const LIMITS: DownloadLimits = { maxBytes: 4 << 20, windowMs: 200, totalMs: 60_000 };
/** For servers that are not too slow, on a busy machine too. */
const PATIENT = { ...LIMITS, windowMs: 30_000 };

test('a small file is read whole, from a server and from a data URL', async () => {
  for (const url of [`${address}/small`, 'data:,a%20few%20bytes'])
    expect(new TextDecoder().decode(await fetchSmallFile(url, PATIENT))).toBe('a few bytes');
});

test.each([
  ['/announced', 'expected at most 4 MiB, the server announces 1073741824 bytes', PATIENT],
  ['/endless', 'expected at most 4 MiB, the server sends more', PATIENT],
  ['/silent', 'the server sent nothing in 0.2 s', LIMITS],
  ['/stalled', 'the server sent only 1 bytes in 2 s', { ...LIMITS, windowMs: 2000 }],
  ['/dripping', 'the server sent only ', { ...LIMITS, windowMs: 2000 }],
  ['/slow', 'the download took longer than 1 s', { ...PATIENT, totalMs: 1000 }],
])('%s: %s', async (path, message, limits) => {
  const error: unknown = await fetchSmallFile(`${address}${path}`, limits).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(HubError);
  expect((error as HubError).message).toContain(`${address}${path}: ${message}`);
});

test('the limits of time hold for a fetch that ignores the signal', async () => {
  setFetch(() => new Promise(() => undefined));
  await expect(fetchSmallFile(address, LIMITS)).rejects.toThrow('the server sent nothing in 0.2 s');
  setFetch(null);
});

test('a server without TLS at an https address is named, without the words of OpenSSL', async () => {
  const url = address.replace('http:', 'https:');
  await expect(fetchSmallFile(url, LIMITS)).rejects.toThrow(
    `${url}: no answer (the server does not speak https there; try http); check the address and the network`,
  );
});

test('pictures at addresses of other schemes, and links in a circle, are refused in words', async () => {
  for (const load of [loadPicture, requirePicture]) {
    await expect(load('ftp://example.org/a.png')).rejects.toThrow(
      'ftp://example.org/a.png: expected a picture: a path, or an address that begins with http:, https:, data: or file:',
    );
    await expect(load(loop)).rejects.toThrow(`${loop}: expected a picture: links that lead to each other`);
  }
});

test.each(['/announced', '/endless'])('pictures are at most 64 MiB: %s', async (path) => {
  await expect(loadPicture(`${address}${path}`)).rejects.toThrow(
    `${address}${path}: expected a picture: ${address}${path}: expected at most 64 MiB`,
  );
});
