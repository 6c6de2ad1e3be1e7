// Servers of a small checkpoint, with a store of three images and a folder of pictures, for the tests of this folder.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { packFeatures } from '../../src/features/store/pack.js';
import { memorySource } from '../../src/features/wrappers.js';
import { encodePng } from '../../src/pictures/png.js';
import type { RunningServer, ServeOptions } from '../../src/serve/contract.js';
import { serve } from '../../src/serve/serve.js';
import { useBackend } from '../helpers/backend.js';
import { regionsOfImage, writeCheckpoint } from '../helpers/models/pipeline-models.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

export const folder = temporaryFolder();
export const store = join(folder, 'store.vbf');
const pictures = join(folder, 'pictures');
export const ANSWERS = { 0: '<unk>', 1: 'yes', 2: 'no', 3: 'red' };
export const IMAGES = ['7', '8', 'two words'];
export const PICTURE = encodePng({ width: 8, height: 6, rgb: new Uint8Array(8 * 6 * 3).fill(90) });
/** Of a question about an image of the store. */
export const QUESTION = { question: 'what is the dog near?', regions: { image: '8' } };
/** The checkpoint of the servers, once the first hook has run. */
export let vqa = '';

beforeAll(async () => {
  await useBackend();
  await packFeatures(
    memorySource(
      'made',
      IMAGES.map((id, i) => [id, regionsOfImage(i + 1, 5 + i)] as const),
    ),
    store,
  );
  mkdirSync(pictures);
  writeFileSync(join(pictures, '7.png'), PICTURE);
  writeFileSync(join(folder, 'secret.png'), PICTURE);
  vqa = await writeCheckpoint('VisualBertForQuestionAnswering', { task: 'vqa', config: { id2label: ANSWERS } });
});

const servers: RunningServer[] = [];
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
});

/** A server that is closed after the tests. */
export async function start(options: Partial<ServeOptions> = {}): Promise<RunningServer> {
  const server = await serve({ model: vqa, features: store, pictures, port: 0, logLevel: 'silent', ...options });
  servers.push(server);
  await server.ready;
  return server;
}

/** What a server answers. */
export interface Answer {
  status: number;
  body: unknown;
  headers: Headers;
}

/** Asks a server; with a body by POST. */
export async function call(url: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const sent =
    body === undefined
      ? {}
      : {
          method: 'POST',
          body: typeof body === 'string' ? body : JSON.stringify(body),
          headers: { 'content-type': 'application/json', ...headers },
        };
  const response = await fetch(url, { headers, ...sent });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers };
}
