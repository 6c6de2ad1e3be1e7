// fromPretrained of a repository id, from a local server.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';
import { VisualBertConfig } from '../../../src/config/config.js';
import type { HubOptions } from '../../../src/platform/node.js';
import { VisualBertForQuestionAnswering } from '../../../src/models/question-answering.js';
import { useBackend } from '../../helpers/backend.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

let server: Server;
let options: HubOptions & { endpoint: string; cacheDir: string };
const requested: string[] = [];

beforeAll(async () => {
  await useBackend();
  server = createServer(({ method, url = '' }, response) => {
    const path = `test/fixtures/checkpoints/tiny-vqa-shards/${basename(url)}`;
    requested.push(`${method} ${basename(url)}`);
    if (!existsSync(path)) return void response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
    const bytes = readFileSync(path);
    const etag = createHash('sha256').update(bytes).digest('hex');
    response.writeHead(200, { 'x-repo-commit': 'b'.repeat(40), 'x-linked-etag': etag, 'x-linked-size': bytes.length });
    response.end(method === 'HEAD' ? undefined : bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cacheDir = temporaryFolder();
  options = { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, cacheDir, token: false };
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('loads a sharded repository, once over the network and then offline', async () => {
  const model = await VisualBertForQuestionAnswering.fromPretrained('someone/tiny', options);
  expect(model.loadingReport).toMatchObject({ source: 'someone/tiny', missingKeys: [], unexpectedKeys: [], notes: [] });
  requested.length = 0;
  const again = await VisualBertForQuestionAnswering.fromPretrained('someone/tiny', {
    ...options,
    localFilesOnly: true,
  });
  expect(requested).toEqual([]);
  expect((await again.stateDict()).get('cls.weight')?.data).toEqual((await model.stateDict()).get('cls.weight')?.data);
  await expect(VisualBertConfig.fromPretrained('someone/tiny', options)).resolves.toMatchObject({
    visualEmbeddingDim: 6,
  });
});

test("names the width of the authors' checkpoints before fetching their weights", async () => {
  requested.length = 0;
  await expect(VisualBertForQuestionAnswering.fromPretrained('uclanlp/visualbert-vqa', options)).rejects.toThrow(
    'uclanlp/visualbert-vqa: its region features are 2048 wide, the config has 6; set visualEmbeddingDim to 2048',
  );
  expect(requested.some((line) => line.includes('safetensors'))).toBe(false);
});
