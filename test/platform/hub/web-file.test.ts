// Files at web addresses: fetched once, resumed, never half.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { webFile } from '../../../src/platform/hub/web-file.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const root = temporaryFolder();
const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
const asked: string[] = [];
let server: Server;
let address = '';
beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.headers.range ?? ''}`.trim());
    if (request.url !== '/weights.pkl') return void response.writeHead(404).end();
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const headers = {
      'content-length': bytes.length - start,
      'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
    };
    response.writeHead(start > 0 ? 206 : 200, headers);
    if (request.method === 'HEAD') return void response.end();
    if (start > 0) return void response.end(bytes.subarray(start));
    response.write(bytes.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50)); // breaks off
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
});

test('a file is fetched once, and goes on where the connection broke', async () => {
  const seen: (number | null)[] = [];
  const path = await webFile(`${address}/weights.pkl`, root, { onProgress: ({ totalBytes }) => seen.push(totalBytes) });
  expect(path).toBe(join(root, 'weights.pkl'));
  expect(readFileSync(path).equals(bytes)).toBe(true);
  expect(readdirSync(root)).toEqual(['weights.pkl']);
  expect(new Set(seen)).toEqual(new Set([bytes.length]));
  expect(asked.at(-1)).toBe('GET bytes=100000-');
  const before = asked.length;
  await webFile(`${address}/weights.pkl`, root);
  expect(asked).toHaveLength(before);
});

test('an absent file is an error, and nothing is asked offline', async () => {
  await expect(webFile(`${address}/absent.pkl`, root)).rejects.toThrow(/absent\.pkl: the server answered 404/);
  const before = asked.length;
  await expect(webFile(`${address}/other.pkl`, root, { localFilesOnly: true })).rejects.toThrow(
    'network access is off',
  );
  expect(asked).toHaveLength(before);
  expect(existsSync(join(root, 'other.pkl'))).toBe(false);
});
