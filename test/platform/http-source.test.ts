// Files at addresses: read by ranges where the server grants them, whole where it does not.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HubError } from '../../src/errors.js';
import { setFetch } from '../../src/platform/http.js';
import * as browser from '../../src/platform/browser.js';
import * as node from '../../src/platform/node.js';

const BYTES = Buffer.from(Array.from({ length: 3 << 20 }, (_, i) => (i * 7 + (i >> 9)) & 0xff));
let server: Server;
let base: string;
let ranges: (string | undefined)[];

function answer({ url = '', headers }: IncomingMessage, response: ServerResponse): void {
  ranges.push(headers.range);
  const [, first, last] = /bytes=(\d+)-(\d+)/.exec(headers.range ?? '') ?? [];
  if (url === '/missing') return void response.writeHead(404).end();
  if (url === '/cut') {
    response.writeHead(200, { 'content-length': BYTES.length }).write(BYTES.subarray(0, 1000));
    return void setTimeout(() => response.destroy(), 20);
  }
  if (url === '/endless')
    return void response.writeHead(206, { 'content-range': `bytes 0-9/${2 ** 60}` }).end(BYTES.subarray(0, 10));
  if (url === '/broken') return void response.writeHead(500).end();
  if (url.startsWith('/spa/'))
    return void response.writeHead(200, { 'content-type': 'text/html;charset=utf-8' }).end('<!doctype html>');
  const isWhole = url === '/whole' || (url === '/cached' && !headers.range?.startsWith('bytes=0-'));
  if (isWhole || first === undefined) return void response.writeHead(200).end(BYTES);
  const [start, end] = [Number(first), Math.min(Number(last), BYTES.length - 1)];
  const part = BYTES.subarray(start, url === '/short' && start > 0 ? end - 5 : end + 1);
  response.writeHead(206, { 'content-range': `bytes ${start}-${end}/${BYTES.length}` }).end(part);
}

beforeAll(async () => {
  server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  ranges = [];
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe.each([
  ['node', node],
  ['browser', browser],
])('openSource of an address in %s', (_name, { openSource, readText, exists }) => {
  test('a body that breaks off, and a size that no file has, are errors of the package', async () => {
    for (const read of [openSource, readText]) {
      const error: unknown = await read(`${base}/cut`).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(HubError);
      expect((error as Error).message).toMatch(/\/cut: the connection ended early \(.+\); try again/);
    }
    await expect(openSource(`${base}/endless`)).rejects.toThrow(HubError);
  });

  test.each(['/ranged', '/whole'])('%s gives any part of the file', async (path) => {
    const source = await openSource(base + path);
    expect(source.size).toBe(BYTES.length);
    for (const [offset, length] of [
      [0, 8],
      [100, 50],
      [BYTES.length - 22, 22],
      [1 << 20, 1 << 20],
      [5, 2 << 20],
      [77, 0],
    ] as const) {
      expect(Buffer.from(await source.read(offset, length)).equals(BYTES.subarray(offset, offset + length))).toBe(true);
    }
    await expect(source.read(BYTES.length - 1, 2)).rejects.toThrow(/lie outside its 3145728 bytes/);
    await source.close();
  });

  test('takes parts out of a whole file, fetched once, when only a cache on the way cut a range', async () => {
    const source = await openSource(`${base}/cached`);
    const parts = await Promise.all(
      [2 << 20, (2 << 20) + 5, 3 << 19].map((offset) => source.read(offset, (1 << 20) >> 1)),
    );
    expect(
      parts.map((part, i) =>
        Buffer.from(part).equals(BYTES.subarray([2 << 20, (2 << 20) + 5, 3 << 19][i] ?? 0).subarray(0, 1 << 19)),
      ),
    ).toEqual([true, true, true]);
    const asked = ranges.length;
    expect(Buffer.from(await source.read((1 << 20) + 1, 9)).equals(BYTES.subarray((1 << 20) + 1, (1 << 20) + 10))).toBe(
      true,
    );
    expect(ranges).toHaveLength(asked);
    await source.close();
  });

  test('takes an HTML page in place of a file as "not found", and names the address where the file is needed', async () => {
    expect(await exists(`${base}/spa/tokenizer_config.json`)).toBe(false);
    for (const get of [openSource, readText])
      await expect(get(`${base}/spa/config.json`)).rejects.toThrow(
        /\/spa\/config\.json: the server answered with an HTML page/,
      );
  });

  test('asks once for small reads that lie together', async () => {
    const source = await openSource(`${base}/ranged`);
    for (let i = 0; i < 50; i++) await source.read(i * 100, 100);
    for (let i = 0; i < 50; i++) await source.read((2 << 20) + i * 100, 100);
    expect(ranges).toHaveLength(2);
  });

  test('names the address when the server fails, sends too little, or is not there', async () => {
    await expect(openSource(`${base}/missing`)).rejects.toThrow(/\/missing: the server answered 404/);
    await expect(openSource(`${base}/broken`)).rejects.toThrow(HubError);
    const short = await openSource(`${base}/short`);
    await expect(short.read(2 << 20, 1000)).rejects.toThrow(/\/short: expected \d+ bytes from \d+, received \d+/);
    await expect(openSource('http://127.0.0.1:1/x')).rejects.toThrow(/no answer/);
    expect([await exists(`${base}/missing`), await exists(`${base}/ranged`)]).toEqual([false, true]);
    await expect(exists(`${base}/broken`)).rejects.toThrow(/500/);
  });
});

describe('setFetch', () => {
  test.each([
    ['node', node],
    ['browser', browser],
  ])('sends every request of %s through one function, which may give whole files', async (_name, platform) => {
    const asked: string[] = [];
    setFetch(async (url) => {
      asked.push(url);
      return url.endsWith('/text')
        ? new Response('words')
        : url.endsWith('/none')
          ? new Response(null, { status: 404 })
          : new Response(BYTES);
    });
    try {
      const source = await platform.openSource('https://model.invalid/weights');
      expect(Buffer.from(await source.read(2 << 20, 9)).equals(BYTES.subarray(2 << 20, (2 << 20) + 9))).toBe(true);
      expect(await platform.readText('https://model.invalid/text')).toBe('words');
      expect(await platform.exists('https://model.invalid/none')).toBe(false);
    } finally {
      setFetch(null);
    }
    expect(asked.map((url) => url.split('/').at(-1))).toEqual(['weights', 'text', 'none']);
    expect(await platform.exists(`${base}/missing`)).toBe(false);
  });
});
