// Wheels from package indexes without Python: correct and faulty local servers, pages in every format, and pip's settings.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { NeedsPip } from '../../../src/engine/install/needs-pip.js';
import { installEngine } from '../../../src/engine/install/install.js';
import { fetchWheel } from '../../../src/engine/install/package-index.js';
import { type PipSettings, pipSettings } from '../../../src/engine/install/pip-settings.js';
import { isWheelFor } from '../../../src/engine/install/wheel-name.js';
import type { Wheel } from '../../../src/engine/install/wheel-table.js';
import { addonSources, librariesFolder } from '../../../src/engine/load/paths.js';
import {
  FAKE_WHEEL,
  FAKE_WHEEL_FILE,
  fakeToolchain,
  type FakeToolchain,
  zipOf,
} from '../../helpers/machine/fake-toolchain.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const WHEEL: Wheel = {
  name: 'tensorflow-cpu',
  version: '2.20.0',
  tags: ['manylinux_2_27_x86_64', 'manylinux_2_17_x86_64'],
  sha256: null,
  bytes: 1,
};
const BYTES = zipOf({ ...FAKE_WHEEL, 'tensorflow/filler': 'x'.repeat(300_000) });
const SHA256 = createHash('sha256').update(BYTES).digest('hex');
const PAGE = '/simple/tensorflow-cpu/';

let folder: string;
let server: Server;
let origin: string;
let requests: IncomingMessage[];
/** Answers in place of the good server where it returns true. */
let onRequest: (request: IncomingMessage, response: ServerResponse) => boolean;

beforeEach(async () => {
  folder = temporaryFolder();
  [requests, onRequest] = [[], () => false];
  server = createServer((request, response) => {
    requests.push(request);
    if (onRequest(request, response)) return;
    if (request.url === PAGE) return sendJson(response, { hashes: { sha256: SHA256 } });
    if (request.url === `/files/${FAKE_WHEEL_FILE}`) return sendFile(request, response);
    response.writeHead(404).end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

function sendJson(response: ServerResponse, more: object): void {
  const other = { filename: 'tensorflow_cpu-2.20.0-cp312-cp312-win_amd64.whl', url: 'win', hashes: {} };
  const file = { filename: FAKE_WHEEL_FILE, url: `../../files/${FAKE_WHEEL_FILE}`, ...more };
  response.setHeader('content-type', 'application/vnd.pypi.simple.v1+json');
  response.end(JSON.stringify({ meta: { 'api-version': '1.1' }, files: [other, file] }));
}

function sendFile(request: IncomingMessage, response: ServerResponse, limit = Infinity): void {
  const [, from, to] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? [];
  const start = Number(from ?? 0);
  const end = Math.min(BYTES.length, to ? Number(to) + 1 : BYTES.length);
  response.writeHead(from === undefined ? 200 : 206, {
    'content-length': end - start,
    ...(from === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${BYTES.length}` }),
  });
  if (end - start <= limit) response.end(BYTES.subarray(start, end));
  else response.write(BYTES.subarray(start, start + limit), () => response.destroy());
}

function settings(env: NodeJS.ProcessEnv = {}): PipSettings {
  return pipSettings({ HOME: folder, PIP_CONFIG_FILE: '/dev/null', PIP_INDEX_URL: `${origin}/simple/`, ...env });
}

const fetched = async (env?: NodeJS.ProcessEnv): Promise<Buffer> => {
  const { path, sha256 } = await fetchWheel(WHEEL, folder, settings(env));
  expect([SHA256, null]).toContain(sha256);
  return readFileSync(path);
};

describe('an index', () => {
  test('as JSON: the file for this platform, with its hash', async () => {
    const { path, sha256 } = await fetchWheel(WHEEL, folder, settings());
    expect(sha256).toBe(SHA256);
    expect(readFileSync(path).equals(BYTES)).toBe(true);
    expect(requests[0]?.headers.accept).toContain('application/vnd.pypi.simple.v1+json');
  });

  test.each([
    ['plain', (name: string) => `<html><body><a href="/files/${name}#sha256=${SHA256}">${name}</a></body></html>`],
    [
      'with a base and entities',
      (name: string) => `<base href="/files/"><A class=x href='${name}?a=1&amp;b=2#sha256=${SHA256}'>x</A>`,
    ],
  ])('as HTML, %s', async (_, page) => {
    onRequest = (request, response) => {
      if (request.url !== PAGE)
        return request.url?.startsWith('/files/') === true && (sendFile(request, response), true);
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.end(page(FAKE_WHEEL_FILE));
      return true;
    };
    expect((await fetched()).equals(BYTES)).toBe(true);
  });

  test('on this disk: the file stays where it is', async () => {
    const project = join(folder, 'simple/tensorflow-cpu');
    mkdirSync(project, { recursive: true });
    mkdirSync(join(folder, 'files'));
    writeFileSync(join(folder, 'files', FAKE_WHEEL_FILE), BYTES);
    writeFileSync(join(project, 'index.html'), `<a href="../../files/${FAKE_WHEEL_FILE}#sha256=${SHA256}">x</a>`);
    const env = { PIP_INDEX_URL: pathToFileURL(join(folder, 'simple')).href };
    expect(await fetchWheel(WHEEL, folder, settings(env))).toEqual({
      path: join(folder, 'files', FAKE_WHEEL_FILE),
      sha256: SHA256,
    });
  });

  test('a folder of links comes before indexes, and an index without the project before the next', async () => {
    expect(
      (await fetched({ PIP_INDEX_URL: `${origin}/none`, PIP_EXTRA_INDEX_URL: `${origin}/simple` })).equals(BYTES),
    ).toBe(true);
    const links = join(folder, 'wheels');
    mkdirSync(links);
    writeFileSync(join(links, FAKE_WHEEL_FILE), 'here');
    expect((await fetched({ PIP_FIND_LINKS: links, PIP_NO_INDEX: '1' })).toString()).toBe('here');
  });

  test('without the version: names what was asked, without passwords', async () => {
    const newer = fetchWheel(
      { ...WHEEL, version: '2.99.0' },
      folder,
      settings({ PIP_INDEX_URL: `${origin.replace('//', '//me:secret@')}/simple` }),
    );
    await expect(newer).rejects.toThrow(
      /No package index has tensorflow-cpu 2\.99\.0 .*searched: http:\/\/127\.0\.0\.1:\d+\/simple\/tensorflow-cpu\/\): choose another version/,
    );
  });

  test('a server that is not there: says what to check', async () => {
    const nobody = { PIP_INDEX_URL: 'http://127.0.0.1:9/simple' };
    await expect(fetchWheel(WHEEL, folder, settings(nobody))).rejects.toThrow(
      /tensorflow-cpu 2\.20\.0 could not be fetched: http:\/\/127\.0\.0\.1:9.*HTTPS_PROXY.*PIP_INDEX_URL/,
    );
  });
});

describe('a transfer', () => {
  const isFile = (request: IncomingMessage): boolean => request.url?.startsWith('/files/') === true;
  const isWhole = ({ headers }: IncomingMessage): boolean => headers.range !== 'bytes=0-0';

  test('that breaks goes on where it broke', async () => {
    onRequest = (request, response) => {
      if (!isFile(request) || !isWhole(request)) return false;
      sendFile(request, response, 100_000);
      return true;
    };
    expect((await fetched()).equals(BYTES)).toBe(true);
    const ranges = requests
      .filter((request) => isFile(request) && isWhole(request))
      .map(({ headers }) => headers.range);
    expect(ranges[0]).toBeUndefined();
    expect(ranges.slice(1).every((range) => /^bytes=[1-9]\d*-$/.test(range ?? ''))).toBe(true);
    expect(ranges.length).toBeGreaterThan(2);
  });

  test('of an earlier process is completed, not restarted', async () => {
    writeFileSync(join(folder, FAKE_WHEEL_FILE), BYTES.subarray(0, 200_000));
    expect((await fetched()).equals(BYTES)).toBe(true);
    expect(requests.map(({ headers }) => headers.range)).toContain('bytes=200000-');
  });

  test('that falls silent ends, and says so', async () => {
    onRequest = (request, response) => {
      if (!isFile(request) || !isWhole(request)) return false;
      response.writeHead(200, { 'content-length': BYTES.length });
      response.write(BYTES.subarray(0, 10));
      return true;
    };
    await expect(fetchWheel(WHEEL, folder, settings({ PIP_TIMEOUT: '0.2' }))).rejects.toThrow(
      /could not be fetched: .*tried 4 times/,
    );
  });

  test('follows redirects to another host, without the password', async () => {
    const seen: (string | undefined)[] = [];
    const storage = createServer((request, response) => {
      seen.push(request.headers.authorization);
      sendFile(request, response);
    });
    await new Promise<void>((listening) => storage.listen(0, '127.0.0.1', listening));
    const elsewhere = `http://127.0.0.1:${(storage.address() as AddressInfo).port}`;
    onRequest = (request, response) => {
      if (isFile(request)) response.writeHead(302, { location: `${elsewhere}/object` }).end();
      return isFile(request);
    };
    try {
      const env = { PIP_INDEX_URL: `${origin.replace('//', '//me:s%20t@')}/simple` };
      expect((await fetched(env)).equals(BYTES)).toBe(true);
      expect(requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('me:s t').toString('base64')}`);
      expect(seen).toEqual([undefined, undefined]);
    } finally {
      storage.closeAllConnections();
      await new Promise((closed) => storage.close(closed));
    }
  });

  test('goes through the proxy that pip goes through', async () => {
    const asked: string[] = [];
    const proxy = createServer((request, response) => {
      asked.push(request.url ?? '');
      request.url = new URL(request.url ?? '').pathname;
      server.emit('request', request, response);
    });
    proxy.on('connect', (request, socket) => {
      asked.push(request.url ?? '');
      socket.end('HTTP/1.1 502 no\r\n\r\n');
    });
    await new Promise<void>((listening) => proxy.listen(0, '127.0.0.1', listening));
    const address = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    try {
      await fetchWheel(
        WHEEL,
        folder,
        settings({ PIP_PROXY: address, PIP_INDEX_URL: 'https://index.invalid/simple' }),
      ).catch(() => null);
      expect(asked).toContain('index.invalid:443');
    } finally {
      proxy.closeAllConnections();
      await new Promise((closed) => proxy.close(closed));
    }
  });
});

describe('what pip alone can do', () => {
  test('a password that nobody has given', async () => {
    onRequest = (_, response) => (response.writeHead(401).end(), true);
    await expect(fetchWheel(WHEEL, folder, settings())).rejects.toThrow(NeedsPip);
  });

  test('the password of .netrc is sent, to its host alone', async () => {
    writeFileSync(
      join(folder, '.netrc'),
      'machine other login a password b\n# machine 127.0.0.1\nmachine 127.0.0.1\n  login me password secret\n',
    );
    const saved = process.env['HOME'];
    process.env['HOME'] = folder;
    try {
      await fetched();
    } finally {
      process.env['HOME'] = saved;
    }
    expect(requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('me:secret').toString('base64')}`);
  });

  test.each([
    [{ PIP_CLIENT_CERT: 'x.pem' }, 'client-cert'],
    [{ PIP_TRUSTED_HOST: 'mirror' }, 'trusted-host'],
    [{ PIP_KEYRING_PROVIDER: 'import' }, 'keyring-provider'],
  ])('%j is named', async (env, name) => {
    await expect(fetchWheel(WHEEL, folder, settings(env))).rejects.toThrow(
      `pip's setting ${name} is only understood by pip`,
    );
    expect(requests).toEqual([]);
  });
});

describe("pip's settings", () => {
  test('files in their order, sections, continued lines; variables count most', () => {
    mkdirSync(join(folder, '.config/pip'), { recursive: true });
    writeFileSync(
      join(folder, '.config/pip/pip.conf'),
      '[global]\nindex_url = https://user/simple\nextra-index-url =\n    https://one/simple/\n    # no\n    https://two/simple\n; no\n[install]\nindex-url = https://no\n[download]\ntimeout: 7\n',
    );
    const own = join(folder, 'own.conf');
    writeFileSync(own, '[global]\ncert = /certs.pem\n');
    const env = { HOME: folder, XDG_CONFIG_DIRS: folder, PIP_CONFIG_FILE: own };
    expect(pipSettings(env)).toEqual({
      indexes: ['https://user/simple', 'https://one/simple', 'https://two/simple'],
      findLinks: [],
      proxy: null,
      certificates: '/certs.pem',
      timeoutMs: 7000,
      pipOnly: null,
    });
    expect(pipSettings({ ...env, PIP_INDEX_URL: 'https://env/simple' }).indexes[0]).toBe('https://env/simple');
  });

  test('none: PyPI', () => {
    expect(pipSettings({ HOME: folder, PIP_CONFIG_FILE: '/dev/null' }).indexes).toEqual(['https://pypi.org/simple']);
  });
});

test.each([
  ['tensorflow_cpu-2.20.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl', true],
  ['tensorflow_cpu-2.20.0-1-cp312-cp312-manylinux_2_27_x86_64.whl', true],
  ['TensorFlow.CPU-2.20.0-py3-none-manylinux_2_27_x86_64.whl', true],
  ['tensorflow_cpu-2.20.0-cp311-cp311-manylinux_2_17_x86_64.whl', false],
  ['tensorflow_cpu-2.20.0-cp312-cp312-win_amd64.whl', false],
  ['tensorflow_cpu-2.20.1-cp312-cp312-manylinux_2_17_x86_64.whl', false],
  ['tensorflow-2.20.0-cp312-cp312-manylinux_2_17_x86_64.whl', false],
  ['tensorflow_cpu-2.20.0.tar.gz', false],
])('%s is the wheel: %p', (name, expected) => expect(isWheelFor(name, WHEEL)).toBe(expected));

const onLinuxX64 = process.platform === 'linux' && process.arch === 'x64' ? describe : describe.skip;

onLinuxX64('installEngine', () => {
  let tools: FakeToolchain;
  const saved = { ...process.env };
  beforeEach(() => {
    tools = fakeToolchain();
    Object.assign(process.env, tools.env, { PIP_INDEX_URL: `${origin}/simple`, PIP_TIMEOUT: '1' });
    delete process.env['PIP_KEYRING_PROVIDER'];
  });
  afterEach(() => {
    for (const name of [...Object.keys(tools.env), 'PIP_INDEX_URL', 'PIP_TIMEOUT']) delete process.env[name];
    Object.assign(process.env, saved);
  });
  const calls = (): string[] => readFileSync(join(tools.folder, 'calls'), 'utf8').trim().split('\n');
  const contents = (at: string): string[] =>
    (readdirSync(at, { recursive: true }) as string[]).filter((name) => !name.includes('addons')).sort();
  const id = { tensorflow: '2.20.0', device: 'cpu', platform: 'linux', arch: 'x64' } as const;

  test('needs no Python, and gives the cache that pip gives', async () => {
    process.env['VISUALBERT_PYTHON'] = join(tools.folder, 'none');
    await installEngine({ tensorflowVersion: '2.20.0' });
    expect(calls()).toEqual(addonSources().map(() => 'cxx'));
    const own = contents(librariesFolder(id));
    expect(existsSync(`${librariesFolder(id)}.download`)).toBe(false);
    rmSync(join(tools.folder, 'cache'), { recursive: true });
    mkdirSync(join(tools.folder, 'cache'));
    Object.assign(process.env, tools.env);
    await installEngine({ tensorflowVersion: '2.20.0' });
    expect(calls()).toContain('pip');
    expect(contents(librariesFolder(id))).toEqual(own);
  });

  test('falls back to pip where the index asks for a password', async () => {
    onRequest = (_, response) => (response.writeHead(403).end(), true);
    await installEngine({ tensorflowVersion: '2.20.0' });
    expect(calls()[0]).toBe('pip');
    process.env['VISUALBERT_PYTHON'] = join(tools.folder, 'none');
    rmSync(join(tools.folder, 'cache'), { recursive: true });
    mkdirSync(join(tools.folder, 'cache'));
    await expect(installEngine({ tensorflowVersion: '2.20.0' })).rejects.toThrow(
      /answered 403; it asks for a password.*install Python 3\.8/,
    );
  });

  test('a file with another hash than the index states is refused, and not gone on with', async () => {
    onRequest = (request, response) =>
      request.url === PAGE && (sendJson(response, { hashes: { sha256: 'a'.repeat(64) } }), true);
    await expect(installEngine({ tensorflowVersion: '2.20.0' })).rejects.toThrow(/expected sha256 a{64}, received/);
    expect(existsSync(`${librariesFolder(id)}.download`)).toBe(false);
  });
});
