// The server itself: tokens, limits, uploaded pictures, shutdown, and failing starts.
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { serve } from '../../src/serve/serve.js';
import { regionsOfImage } from '../helpers/models/pipeline-models.js';
import { call, folder, PICTURE, QUESTION, start, store, vqa } from './small-server.js';

jest.setTimeout(60_000);

describe('a server', () => {
  test('beyond loopback needs a token, or to be told that it needs none', async () => {
    await expect(serve({ model: vqa, host: '0.0.0.0', port: 0 })).rejects.toThrow(
      'host 0.0.0.0 can be reached from other machines, so requests need a token',
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
    expect((await call(`${url}/v1/answer`, { ...QUESTION, question: 'a'.repeat(1000) })).status).toBe(413);
    const slow = new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1', () =>
        socket.write(
          'POST /v1/answer HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"',
        ),
      );
      let text = '';
      socket.on('data', (part) => (text += part.toString()));
      socket.on('close', () => resolve(text)).on('error', reject);
    });
    expect((await call(`${url}/v1/answer`, QUESTION)).status).toBe(200);
    expect(await slow).toMatch(/^HTTP\/1.1 408 /);
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
    expect(detections).toBe(1);
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

  test('that cannot start leaves nothing open', async () => {
    await expect(serve({ model: vqa, features: join(folder, 'absent.vbf') })).rejects.toThrow('no such file');
    await expect(serve({ model: vqa, limits: { waiting: 0 } })).rejects.toThrow(
      'limits.waiting: expected a whole number of at least 1',
    );
    await expect(serve({ model: vqa, task: 'feature-extraction' })).rejects.toThrow(
      'expected a task that can be served, received feature-extraction',
    );
    expect(existsSync(store)).toBe(true);
  });
});
