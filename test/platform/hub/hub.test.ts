// Downloads from a local server that behaves as badly as servers do.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { gzipSync } from 'node:zlib';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { hubFile, type HubOptions } from '../../../src/platform/node.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const COMMIT = 'a'.repeat(40);
const REPO = 'owner/name';
const WEIGHTS = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
const CONFIG = Buffer.from('{"model_type": "visual_bert"}');
const sha256 = createHash('sha256').update(WEIGHTS).digest('hex');
const gitId = createHash('sha1').update(`blob ${CONFIG.length}\0`).update(CONFIG).digest('hex');

type Handler = (request: IncomingMessage, response: ServerResponse, attempt: number) => void;

let server: Server;
let endpoint: string;
let cacheDir: string;
let requests: { method: string; url: string; range: string | undefined; authorization: string | undefined }[];
/** Answers GETs of the weights instead of the good server. */
let onWeights: Handler | null;
/** Answers everything instead of the good server. */
let onAny: Handler | null;
const kept = { ...process.env };

function hubHeaders(file: string): Record<string, string> {
  return file === 'config.json'
    ? { etag: `"${gitId}"`, 'x-repo-commit': COMMIT, 'content-length': String(CONFIG.length) }
    : {
        etag: '"of the storage"',
        'x-linked-etag': `"${sha256}"`,
        'x-linked-size': String(WEIGHTS.length),
        'x-repo-commit': COMMIT,
      };
}

function sendWeights(request: IncomingMessage, response: ServerResponse, upTo = Infinity): void {
  const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const status = start > 0 ? 206 : 200;
  response.writeHead(status, {
    'content-length': WEIGHTS.length - start,
    ...(start > 0 && { 'content-range': `bytes ${start}-${WEIGHTS.length - 1}/${WEIGHTS.length}` }),
  });
  response.write(WEIGHTS.subarray(start, Math.min(WEIGHTS.length, start + upTo)));
  if (start + upTo >= WEIGHTS.length) response.end();
}

beforeEach(async () => {
  for (const name of [
    'HF_TOKEN',
    'HUGGING_FACE_HUB_TOKEN',
    'HF_HUB_OFFLINE',
    'TRANSFORMERS_OFFLINE',
    'HF_ENDPOINT',
    'HF_HUB_CACHE',
  ])
    delete process.env[name];
  cacheDir = temporaryFolder();
  process.env['HF_HOME'] = join(cacheDir, 'home');
  process.env['HF_HUB_DOWNLOAD_TIMEOUT'] = '0.4';
  requests = [];
  onWeights = null;
  onAny = null;
  let attempts = 0;
  server = createServer((request, response) => {
    const { method = '', url = '' } = request;
    requests.push({ method, url, range: request.headers.range, authorization: request.headers.authorization });
    if (onAny !== null) return onAny(request, response, requests.length);
    const file = /^\/owner\/name\/resolve\/(?:main|v1|a{40})\/(.*)$/.exec(url)?.[1];
    if (url === '/storage')
      return onWeights === null ? sendWeights(request, response) : onWeights(request, response, ++attempts);
    if (file === undefined) return void response.writeHead(401, { 'x-error-code': 'RepoNotFound' }).end();
    if (file === 'config.json')
      return void response.writeHead(200, hubHeaders(file)).end(method === 'HEAD' ? undefined : CONFIG);
    if (file === 'model.safetensors' || file === 'sub/model.safetensors') {
      return void response.writeHead(302, { ...hubHeaders(file), location: `${endpoint}/storage` }).end();
    }
    response.writeHead(404, { 'x-error-code': 'EntryNotFound', 'x-repo-commit': COMMIT }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  for (const name of Object.keys(process.env)) if (!(name in kept)) delete process.env[name];
  Object.assign(process.env, kept);
});

const fetchFile = (file = 'model.safetensors', options: HubOptions = {}): Promise<string | null> =>
  hubFile(REPO, file, { cacheDir, endpoint, ...options });

describe('hubFile', () => {
  test('lays files out as the Python client does, and finds them again', async () => {
    const path = await fetchFile();
    const folder = join(cacheDir, 'models--owner--name');
    expect(path).toBe(join(folder, 'snapshots', COMMIT, 'model.safetensors'));
    expect(readlinkSync(path ?? '')).toBe(join('..', '..', 'blobs', sha256));
    expect(readFileSync(join(folder, 'refs', 'main'), 'utf8')).toBe(COMMIT);
    expect(readFileSync(path ?? '').equals(WEIGHTS)).toBe(true);
    expect(readdirSync(join(folder, 'blobs'))).toEqual([sha256]);
    const config = await fetchFile('config.json');
    expect(realpathSync(config ?? '')).toBe(realpathSync(join(folder, 'blobs', gitId)));
    requests = [];
    expect(await fetchFile()).toBe(path);
    expect(requests.map(({ method }) => method)).toEqual(['HEAD']);
    expect(await fetchFile('model.safetensors', { revision: COMMIT })).toBe(path);
    expect(requests).toHaveLength(1);
  });

  test('links files of subfolders to the same blobs', async () => {
    const path = await fetchFile('model.safetensors', { subfolder: 'sub', revision: 'v1' });
    expect(readlinkSync(path ?? '')).toBe(join('..', '..', '..', 'blobs', sha256));
    expect(lstatSync(path ?? '').isSymbolicLink()).toBe(true);
  });

  test('answers null for a file that the repository lacks', async () => {
    expect(await fetchFile('pytorch_model.bin')).toBeNull();
  });

  test('reports progress up to the whole size', async () => {
    const seen: [number, number | null][] = [];
    await fetchFile('model.safetensors', {
      onProgress: ({ loadedBytes, totalBytes }) => void seen.push([loadedBytes, totalBytes]),
    });
    expect(seen.at(-1)).toEqual([WEIGHTS.length, WEIGHTS.length]);
    expect(seen.every(([loaded], i) => i === 0 || loaded >= (seen[i - 1]?.[0] ?? 0))).toBe(true);
  });

  test('resumes where a connection was cut', async () => {
    onWeights = (request, response, attempt) => {
      if (attempt > 2) return sendWeights(request, response);
      sendWeights(request, response, 100_000);
      setTimeout(() => response.destroy(), 50);
    };
    expect(readFileSync((await fetchFile()) ?? '').equals(WEIGHTS)).toBe(true);
    const ranges = requests.filter(({ url }) => url === '/storage').map(({ range }) => range);
    expect(ranges[0]).toBeUndefined();
    expect(ranges.slice(1).every((range) => /^bytes=[1-9]\d*-$/.test(range ?? ''))).toBe(true);
  });

  test('takes over what a process left that is gone', async () => {
    const blobs = join(cacheDir, 'models--owner--name', 'blobs');
    mkdirSync(blobs, { recursive: true });
    writeFileSync(join(blobs, `${sha256}.partial-4194305`), WEIGHTS.subarray(0, 250_000)); // beyond the largest process id
    await fetchFile();
    expect(requests.at(-1)?.range).toBe('bytes=250000-');
    expect(readdirSync(blobs)).toEqual([sha256]);
  });

  test('starts again when the server ignores the range', async () => {
    onWeights = (request, response, attempt) => {
      if (attempt === 1) {
        sendWeights(request, response, 100_000);
        setTimeout(() => response.destroy(), 50);
      } else response.writeHead(200, { 'content-length': WEIGHTS.length }).end(WEIGHTS);
    };
    expect(readFileSync((await fetchFile()) ?? '').equals(WEIGHTS)).toBe(true);
  });

  test('drops a connection that falls silent and resumes', async () => {
    onWeights = (request, response, attempt) => sendWeights(request, response, attempt === 1 ? 100_000 : Infinity);
    expect(readFileSync((await fetchFile()) ?? '').equals(WEIGHTS)).toBe(true);
  });

  test('refuses more bytes than announced, other contents, and leaves no file', async () => {
    onWeights = (_request, response) => void response.writeHead(200).end(Buffer.concat([WEIGHTS, WEIGHTS]));
    await expect(fetchFile()).rejects.toThrow(/sends more than the 300000 bytes it announced/);
    expect(readdirSync(join(cacheDir, 'models--owner--name', 'blobs'))).toEqual([]);
    onWeights = (_request, response) => void response.writeHead(200).end(Buffer.alloc(WEIGHTS.length));
    await expect(fetchFile()).rejects.toThrow(/expected contents with the checksum/);
    expect(existsSync(join(cacheDir, 'models--owner--name', 'snapshots'))).toBe(false);
  });

  test('gives up after several tries without progress when the server sends less than announced', async () => {
    onWeights = (_request, response) => void response.writeHead(200).end(WEIGHTS.subarray(0, 10));
    await expect(fetchFile()).rejects.toThrow(/the connection ended after 10 of 300000 bytes; tried \d times/);
  });

  test.each<[string, Handler, RegExp]>([
    [
      'a file that is shorter than announced',
      (request, response) =>
        request.headers.range === undefined
          ? void response.writeHead(200).end(WEIGHTS.subarray(0, 200_000))
          : void response.writeHead(416).end(),
      /; tried 4 times/,
    ],
    [
      'the wrong part',
      (request, response) =>
        void response.writeHead(request.headers.range === undefined ? 200 : 206).end(WEIGHTS.subarray(0, 100_000)),
      /another range than the one after 100000 bytes; tried 4 times/,
    ],
  ])('gives up although bytes come and go, and leaves none: %s', async (_, handler, reason) => {
    onWeights = handler;
    await expect(fetchFile()).rejects.toThrow(reason);
    expect(requests.length).toBeLessThan(10);
  });

  test('reads a file that a proxy packs on its way', async () => {
    const packed = gzipSync(CONFIG);
    const headers = { etag: `"${gitId}"`, 'x-repo-commit': COMMIT, 'content-encoding': 'gzip' };
    onAny = ({ method }, response) =>
      void response
        .writeHead(200, { ...headers, 'content-length': packed.length })
        .end(method === 'HEAD' ? undefined : packed);
    expect(readFileSync((await fetchFile('config.json')) ?? '')).toEqual(CONFIG);
  });

  test('tells missing access, unknown repositories and revisions apart', async () => {
    await expect(hubFile('owner/other', 'config.json', { cacheDir, endpoint })).rejects.toThrow(
      /answered 401 \(RepoNotFound\); the repository does not exist, or is private or gated.*HF_TOKEN/,
    );
    onAny = (_request, response) =>
      void response.writeHead(403, { 'x-error-message': 'Access to model owner/name is restricted' }).end();
    await expect(fetchFile()).rejects.toThrow(/403 \(Access to model owner\/name is restricted\)/);
    onAny = (_request, response) => void response.writeHead(404, { 'x-error-code': 'RevisionNotFound' }).end();
    await expect(fetchFile()).rejects.toThrow(/404 \(RevisionNotFound\); check the repository's name and the revision/);
  });

  test('waits as long as a busy server asks, and a little longer each time', async () => {
    onAny = (request, response, attempt) => {
      if (attempt > 2) onAny = null;
      response.writeHead(attempt === 1 ? 429 : 500, attempt === 1 ? { 'retry-after': '0.1' } : {}).end();
      if (request.destroyed) response.destroy();
    };
    expect(await fetchFile('config.json')).not.toBeNull();
    onAny = (_request, response) => void response.writeHead(429, { 'retry-after': '3600' }).end();
    await expect(fetchFile('other.json')).rejects.toThrow(/answered 429; tried 1 times; try again later/);
  });

  test('uses the proxy of the environment', async () => {
    const tunnels: string[] = [];
    const proxy = createServer().on('connect', ({ url = '' }: IncomingMessage, client: Socket) => {
      tunnels.push(url);
      const hub = connect((server.address() as AddressInfo).port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        hub.pipe(client).pipe(hub);
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    process.env['http_proxy'] = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const path = await hubFile(REPO, 'config.json', { cacheDir, endpoint: 'http://hub.invalid' });
    expect(readFileSync(path ?? '')).toEqual(CONFIG);
    expect(new Set(tunnels)).toEqual(new Set(['hub.invalid:80']));
    proxy.close();
    proxy.closeAllConnections();
  });

  test('says what to do when the hub cannot be reached', async () => {
    await expect(hubFile(REPO, 'config.json', { cacheDir, endpoint: 'http://127.0.0.1:1' })).rejects.toThrow(
      /no answer \(.+\); tried 4 times; check the network; set HTTPS_PROXY .*HF_ENDPOINT .*HF_HUB_OFFLINE=1/,
    );
  });

  test('returns cached files when the hub is unreachable, and reports missing ones', async () => {
    const path = await fetchFile('config.json');
    onAny = (_request, response) => void response.writeHead(503).end();
    expect(await fetchFile('config.json')).toBe(path);
    await expect(fetchFile('vocab.txt')).rejects.toThrow(/answered 503; tried 4 times/);
  });

  test('follows renamed repositories, and refuses servers that are not a hub', async () => {
    onAny = (_request, response) => {
      onAny = null;
      response.writeHead(307, { location: '/owner/name/resolve/main/config.json' }).end();
    };
    expect(await hubFile('old/name', 'config.json', { cacheDir, endpoint })).not.toBeNull();
    onAny = (_request, response) => void response.writeHead(200, { etag: '"x"' }).end('<html>');
    await expect(fetchFile('vocab.txt')).rejects.toThrow(/the server is not a hub/);
    onAny = (_request, response) => void response.writeHead(200, { etag: '"../../x"', 'x-repo-commit': COMMIT }).end();
    await expect(fetchFile('vocab.txt')).rejects.toThrow(/the server is not a hub/);
  });

  test('never asks the network when offline', async () => {
    await expect(fetchFile('config.json', { localFilesOnly: true })).rejects.toThrow(
      /revision main is not in the cache/,
    );
    const path = await fetchFile('config.json');
    requests = [];
    process.env['HF_HUB_OFFLINE'] = '1';
    expect(await fetchFile('config.json')).toBe(path);
    expect(await fetchFile('model.safetensors')).toBeNull();
    expect(requests).toEqual([]);
  });

  test('takes endpoint, cache and token from the environment, and sends the token to the hub only', async () => {
    process.env['HF_ENDPOINT'] = endpoint;
    process.env['HF_HUB_CACHE'] = join(cacheDir, 'elsewhere');
    process.env['HF_TOKEN'] = 'hf_secret';
    const path = await hubFile(REPO, 'model.safetensors');
    expect(path?.startsWith(join(cacheDir, 'elsewhere'))).toBe(true);
    expect(requests[0]?.authorization).toBe('Bearer hf_secret');
    requests = [];
    await hubFile(REPO, 'config.json', { token: false });
    expect(requests[0]?.authorization).toBeUndefined();
  });

  test.each(['//', '/\\', '\\\\', 'http://'])(
    'keeps the token from another server that a redirect names by %s',
    async (start) => {
      const seen: (string | undefined)[] = [];
      const other = createServer(({ headers }, response) => {
        seen.push(headers.authorization);
        response.writeHead(200, { etag: `"${gitId}"`, 'x-repo-commit': COMMIT }).end(CONFIG);
      });
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
      try {
        const location = `${start}127.0.0.1:${(other.address() as AddressInfo).port}/x`;
        onAny = (_request, response) => void response.writeHead(302, { location }).end();
        await expect(fetchFile('config.json', { token: 'hf_secret' })).rejects.toThrow('the server is not a hub');
        onAny = ({ method }, response) =>
          void response
            .writeHead(302, method === 'HEAD' ? { ...hubHeaders('config.json'), location } : { location })
            .end();
        expect(readFileSync((await fetchFile('config.json', { token: 'hf_secret' })) ?? '')).toEqual(CONFIG);
        expect(seen).toEqual([undefined]);
      } finally {
        await new Promise((resolve) => other.close(resolve));
      }
    },
  );

  test.each(['.', '..', '...'])('refuses an etag that is not a name of a file: %s', async (etag) => {
    onAny = (_request, response) => void response.writeHead(200, { etag: `"${etag}"`, 'x-repo-commit': COMMIT }).end();
    await expect(fetchFile('config.json')).rejects.toThrow('the server is not a hub');
  });

  test('restarts a download once if the server does not continue after the bytes on disk', async () => {
    const blobs = join(cacheDir, 'models--owner--name', 'blobs');
    mkdirSync(blobs, { recursive: true });
    writeFileSync(join(blobs, `${sha256}.partial-4194305`), WEIGHTS.subarray(0, 250_000));
    onWeights = (request, response) => {
      if (request.headers.range === undefined) return sendWeights(request, response);
      response.writeHead(416, { 'content-range': `bytes */${WEIGHTS.length}` }).end();
    };
    expect(readFileSync((await fetchFile()) ?? '')).toEqual(WEIGHTS);
    const ranges = requests.filter(({ url }) => url === '/storage').map(({ range }) => range);
    expect(ranges).toEqual(['bytes=250000-', undefined]);
  });

  test('breaks off a transfer that brings next to nothing, and resumes it', async () => {
    process.env['HF_HUB_DOWNLOAD_TIMEOUT'] = '0.3'; // so that a minute is 1.8 s, and a busy machine is not taken for silence
    onWeights = (request, response, attempt) => {
      if (attempt > 1) return sendWeights(request, response);
      response.writeHead(200, { 'content-length': WEIGHTS.length });
      let sent = 0;
      const drip = setInterval(() => response.write(WEIGHTS.subarray(sent, (sent += 10))), 20);
      response.on('close', () => clearInterval(drip));
    };
    expect(readFileSync((await fetchFile()) ?? '')).toEqual(WEIGHTS);
    const [first, second, ...more] = requests.filter(({ url }) => url === '/storage').map(({ range }) => range);
    expect([first, more]).toEqual([undefined, []]);
    expect(second).toMatch(/^bytes=[1-9]\d*0-$/);
  });

  test('refuses ids, files and revisions that leave the cache', async () => {
    for (const [id, file, revision] of [
      ['../x', 'a', 'main'],
      ['a/b/c', 'a', 'main'],
      [REPO, '../a', 'main'],
      [REPO, '/a', 'main'],
      [REPO, 'a', '../main'],
      [REPO, 'a\\b', 'main'],
    ] as const) {
      await expect(hubFile(id, file, { cacheDir, endpoint, revision })).rejects.toThrow(
        /is not a (repository id|path inside)/,
      );
    }
    expect(requests).toEqual([]);
  });
});
