// The server itself: tokens, limits, uploaded pictures, shutdown, and failing starts.
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import type { RegionFeatures } from '../../src/features/region-features.js';
import { packFeatures } from '../../src/features/store/pack.js';
import { memorySource } from '../../src/features/wrappers.js';
import { serve } from '../../src/serve/serve.js';
import { regionsOfImage } from '../helpers/models/pipeline-models.js';
import { call, folder, PICTURE, QUESTION, start, store, vqa } from './small-server.js';

jest.setTimeout(60_000);

/** A connection to a server, for requests that no client sends. */
function openConnection(url: string): { send: (text: string) => void; closed: Promise<string> } {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let text = '';
  socket.on('data', (part) => (text += part.toString()));
  const closed = new Promise<string>((resolve, reject) => {
    socket.on('close', () => resolve(text)).on('error', reject);
  });
  return { send: (part) => void socket.write(part), closed };
}

/** The parts of an answer in JSON. */
function answerIn(text: string): { status: string | undefined; connection: string | undefined; body: unknown } {
  const [head = '', body = ''] = text.split('\r\n\r\n');
  return {
    status: head.split('\r\n')[0],
    connection: /^connection: (.*)$/im.exec(head)?.[1],
    body: JSON.parse(body),
  };
}

describe('a server', () => {
  test('beyond loopback needs a token, or to be told that it needs none', async () => {
    await expect(serve({ model: vqa, host: '0.0.0.0', port: 0 })).rejects.toThrow(
      'host 0.0.0.0 can be reached from other machines, so requests need a token',
    );
    await expect(serve({ model: vqa, host: '0.0.0.0', port: 0, token: '' })).rejects.toThrow(
      'token: expected a text, received an empty one (of --token, else of the variable VISUALBERT_TOKEN)',
    );
    const open = await start({ host: '0.0.0.0', token: false });
    const { port } = new URL(open.url);
    expect((await call(`http://127.0.0.1:${port}/v1/model`)).status).toBe(200);
  });

  test('with a token answers those who bring it', async () => {
    const { url } = await start({ token: 'abc' });
    const without = await call(`${url}/v1/answer`, QUESTION);
    expect(without).toMatchObject({
      status: 401,
      body: { message: expect.stringContaining('Authorization: Bearer TOKEN') },
    });
    expect(without.headers.get('www-authenticate')).toBe('Bearer');
    for (const authorization of ['Bearer abd', 'Bearer abcd', 'Basic abc'])
      expect((await call(`${url}/v1/answer`, QUESTION, { authorization })).status).toBe(401);
    expect((await call(`${url}/v1/answer`, QUESTION, { authorization: 'Bearer abc' })).status).toBe(200);
    const open = ['/healthz', '/readyz', '/docs/json'].map(async (path) => (await call(`${url}${path}`)).status);
    expect(await Promise.all(open)).toEqual([200, 200, 200]);
    expect((await call(`${url}/metrics`)).status).toBe(401);
  });

  test('refuses bodies that are too large or too slow, while others are answered', async () => {
    const { url } = await start({ limits: { bodyBytes: 1000, seconds: 1 } });
    expect(await call(`${url}/v1/answer`, { ...QUESTION, question: 'a'.repeat(1000) })).toMatchObject({
      status: 413,
      body: { message: 'expected a body of at most 1000 bytes, the limit of this server (--limit-body)' },
    });
    const slow = openConnection(url);
    slow.send(
      'POST /v1/answer HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"',
    );
    expect((await call(`${url}/v1/answer`, QUESTION)).status).toBe(200);
    expect(answerIn(await slow.closed)).toEqual({
      status: 'HTTP/1.1 408 Request Timeout',
      connection: 'close',
      body: {
        status: 408,
        error: 'Request Timeout',
        message: 'expected the whole request within the time limit of this server (--limit-seconds)',
      },
    });
  });

  test('answers what is not HTTP, or has too long headers, and goes on', async () => {
    const { url } = await start();
    const sent = async (text: string): Promise<unknown> => {
      const connection = openConnection(url);
      connection.send(text);
      return answerIn(await connection.closed);
    };
    const invalid = {
      status: 'HTTP/1.1 400 Bad Request',
      connection: 'close',
      body: { status: 400, error: 'Bad Request', message: 'expected a valid HTTP/1.1 request' },
    };
    for (const text of ['hello\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', 'GET / HTTP/1.1\r\nhost localhost\r\n\r\n'])
      expect(await sent(text)).toEqual(invalid);
    expect(await sent(`GET / HTTP/1.1\r\nhost: localhost\r\nx-long: ${'a'.repeat(20_000)}\r\n\r\n`)).toEqual({
      status: 'HTTP/1.1 431 Request Header Fields Too Large',
      connection: 'close',
      body: { status: 431, error: 'Request Header Fields Too Large', message: 'expected shorter headers' },
    });
    expect((await call(`${url}/v1/answer`, QUESTION)).status).toBe(200);
  });

  test('finds regions in a sent picture with its detector, once for the same picture', async () => {
    let detections = 0;
    const detector = {
      detect: async () => {
        detections++;
        return [regionsOfImage(2, 6)];
      },
    };
    const { url } = await start({ detector });
    const regions = { picture: Buffer.from(PICTURE).toString('base64') };
    expect((await call(`${url}/v1/regions`, regions)).body).toMatchObject({
      boxes: { length: 6 },
      width: 80,
      height: 60,
    });
    const [sent, stored] = await Promise.all(
      [regions, { image: '8' }].map((one) => call(`${url}/v1/answer`, { ...QUESTION, regions: one })),
    );
    expect(sent?.body).toEqual(stored?.body);
    const dataUrl = `data:image/png;base64,${regions.picture}`;
    expect((await call(`${url}/v1/regions`, { picture: dataUrl })).status).toBe(200);
    expect((await call(`${url}/v1/regions`, { image: '7' })).body).toMatchObject({
      message: expect.stringMatching(/picture: expected a text.*unknown image|unknown image.*picture/),
    });
    expect(detections).toBe(1);
    for (const picture of ['!!!', '', 'data:image/svg+xml;base64,PHN2Zz4='])
      expect(await call(`${url}/v1/regions`, { picture })).toMatchObject({
        status: 422,
        body: {
          message: `picture: expected the file of a picture, such as a PNG or JPEG, in base64, received ${JSON.stringify(picture)}`,
        },
      });
  });

  test('that is full answers 503 with a time to come back, and is not ready', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const detect = async (): Promise<RegionFeatures[]> => {
      await held;
      return [regionsOfImage(2, 6)];
    };
    const { url } = await start({ detector: { detect }, limits: { waiting: 1 } });
    const running = call(`${url}/v1/regions`, { picture: Buffer.from(PICTURE).toString('base64') });
    const answers = [call(`${url}/v1/answer`, QUESTION)];
    // The first of them may be running: the next one then waits.
    while ((await call(`${url}/readyz`)).status === 200) answers.push(call(`${url}/v1/answer`, QUESTION));
    const busy = { status: 503, body: { status: 503, error: 'Service Unavailable' } };
    const refused = await call(`${url}/v1/answer`, QUESTION);
    expect(refused).toMatchObject({ ...busy, body: { message: expect.stringMatching(/^busy: 1 request/) } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const unready = await call(`${url}/readyz`);
    expect(unready).toMatchObject({ ...busy, body: { message: 'busy: the queue of requests is full' } });
    expect(unready.headers.get('retry-after')).toBe('1');
    expect((await call(`${url}/healthz`)).status).toBe(200);
    release();
    expect((await running).status).toBe(200);
    expect((await answers[0])?.status).toBe(200);
    await Promise.all(answers);
    expect((await call(`${url}/readyz`)).status).toBe(200);
  });

  test('answers 503 to what has waited too long, and keeps its own faults in the log', async () => {
    const detector = {
      detect: async (): Promise<RegionFeatures[]> => {
        await new Promise((resolve) => setTimeout(resolve, 400));
        throw new TypeError('a fault at /home/someone/file.ts:3');
      },
    };
    const { url } = await start({ detector, limits: { seconds: 0.2, regions: 2, characters: 9 } });
    const broken = call(`${url}/v1/regions`, { picture: Buffer.from(PICTURE).toString('base64') });
    await new Promise((resolve) => setTimeout(resolve, 100)); // the detector runs
    const late = await call(`${url}/v1/answer`, { ...QUESTION, question: 'a' });
    expect(late).toMatchObject({ status: 503, body: { message: expect.stringContaining('the request waited 0.2 s') } });
    expect(await broken).toMatchObject({
      status: 500,
      body: { message: expect.stringMatching(/^internal error; the server's log has the reason under request \S+$/) },
    });
    const many = { question: 'a', regions: { features: [[1], [1], [1]] } };
    expect(await call(`${url}/v1/answer`, many)).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('expected 1 to 2 rows') },
    });
    expect(await call(`${url}/v1/answer`, QUESTION)).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('a text of at most 9 characters') },
    });
  });

  test('that stops finishes what it has', async () => {
    let isDetecting = (): void => undefined;
    const detecting = new Promise<void>((resolve) => (isDetecting = resolve));
    const server = await start({
      detector: {
        detect: async () => {
          isDetecting();
          await new Promise((resolve) => setTimeout(resolve, 100));
          return [regionsOfImage(2, 6)];
        },
      },
    });
    const regions = { picture: Buffer.from(PICTURE).toString('base64') };
    const asked = call(`${server.url}/v1/answer`, { ...QUESTION, regions });
    await detecting;
    await Promise.all([server.close(), server.close()]);
    expect((await asked).status).toBe(200);
    await expect(call(`${server.url}/healthz`)).rejects.toThrow();
  });

  test('that stops answers what comes on open connections, closes them, and is not ready', async () => {
    let release = (): void => undefined;
    const held = new Promise<RegionFeatures[]>((resolve) => (release = () => resolve([regionsOfImage(2, 6)])));
    const server = await start({ detector: { detect: () => held } });
    const body = JSON.stringify({ ...QUESTION, regions: { picture: Buffer.from(PICTURE).toString('base64') } });
    const connections = [openConnection(server.url), openConnection(server.url)];
    const [asking, probing] = connections;
    asking?.send(
      `POST /v1/answer HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    // The head of a request keeps the connection open while the server closes those that are idle.
    probing?.send('GET /readyz HTTP/1.1\r\n');
    await new Promise((resolve) => setTimeout(resolve, 100));
    const closed = server.close();
    probing?.send('host: localhost\r\n\r\n');
    expect(answerIn((await probing?.closed) ?? '')).toEqual({
      status: 'HTTP/1.1 503 Service Unavailable',
      connection: 'close',
      body: { status: 503, error: 'Service Unavailable', message: 'the server is stopping' },
    });
    release();
    expect(answerIn((await asking?.closed) ?? '')).toMatchObject({
      status: 'HTTP/1.1 200 OK',
      connection: 'close',
      body: { answers: { length: 3 } },
    });
    await closed;
  });

  test('that stops says at /readyz that it is not ready, and still answers, before it takes no connections', async () => {
    const server = await start({});
    await server.ready;
    const closed = server.close();
    const [ready, answer] = [call(`${server.url}/readyz`), call(`${server.url}/v1/answer`, QUESTION)];
    expect([(await ready).status, (await answer).status]).toEqual([503, 200]);
    await closed;
    await expect(call(`${server.url}/healthz`)).rejects.toThrow();
  });

  test('that cannot start leaves nothing open', async () => {
    await expect(serve({ model: vqa, features: join(folder, 'absent.vbf') })).rejects.toThrow('no such file');
    await expect(serve({ model: vqa, limits: { waiting: 0 } })).rejects.toThrow(
      'limits.waiting: expected a whole number of at least 1',
    );
    await expect(serve({ model: vqa, task: 'feature-extraction' })).rejects.toThrow(
      'expected a task that can be served, received feature-extraction',
    );
    const wide = join(folder, 'wide.vbf');
    await packFeatures(memorySource('made', [['7', { features: new Float32Array(9), count: 1, dim: 9 }]]), wide);
    await expect(serve({ model: vqa, features: wide, port: 0 })).rejects.toThrow('expected regions 5 wide');
    expect(existsSync(store)).toBe(true);
  });
});
