// One input from a user's text: the task follows from the checkpoint, tags and images from the text and the ids.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { setLogger } from '../../src/logger.js';
import { type AnyOneInput, openOneInput, type OneInputOptions } from '../../src/runs/one-input.js';
import { useBackend } from '../helpers/backend.js';
import { npy } from '../helpers/files/numpy-files.js';
import { REGION_DIM, regionsOfImage, writeCheckpoint } from '../helpers/models/pipeline-models.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const features = temporaryFolder();

beforeAll(async () => {
  await useBackend();
  for (const id of ['left', 'right'])
    writeFileSync(join(features, `${id}.npy`), npy(regionsOfImage(1, 3).features, [3, REGION_DIM]));
});

async function open(
  name: Parameters<typeof writeCheckpoint>[0],
  options: Omit<OneInputOptions, 'model' | 'features' | 'compile'> & Partial<Pick<OneInputOptions, 'features'>>,
  config = {},
): Promise<AnyOneInput> {
  const model = await writeCheckpoint(name, { config });
  return openOneInput({ model, features, compile: false, ...options });
}

test('the task is that of the class; of pre-training a [MASK] decides', async () => {
  const image = { images: ['left'] };
  const tasks = [];
  for (const opened of [
    await open(
      'VisualBertForQuestionAnswering',
      { text: 'what is it ?', ...image },
      { id2label: { 0: 'dog', 1: 'ball' } },
    ),
    await open('VisualBertForVisualReasoning', { text: 'the dog is red', images: ['left', 'right'] }),
    await open('VisualBertForPreTraining', { text: 'a [MASK] dog', ...image }),
    await open('VisualBertForPreTraining', { text: 'a red dog', ...image }),
    await open('VisualBertForRegionToPhraseAlignment', { text: 'a red dog', phrases: ['dog'], ...image }),
  ]) {
    tasks.push(opened.task);
    await opened.close();
  }
  expect(tasks).toEqual([
    'visual-question-answering',
    'visual-reasoning',
    'fill-mask',
    'image-text-matching',
    'phrase-grounding',
  ]);
});

test('tags of a text with objects become tags, not unknown words, and words stay words', async () => {
  const warnings: string[] = [];
  setLogger({ info: () => undefined, warn: (text) => warnings.push(text) });
  const opened = await open('VisualBertForMultipleChoice', {
    ...{
      text: 'why is [0] near [0,1] ?',
      choices: ['[1] is red', 'no'],
      objects: ['person', 'ball'],
      images: ['left'],
    },
  });
  expect(opened.input).toMatchObject({
    question: ['why', 'is', [0], 'near', [0, 1], '?'],
    choices: [[[1], 'is', 'red'], ['no']],
    objects: ['person', 'ball'],
  });
  expect(warnings).toEqual([]);
  setLogger(null);
  await opened.close();
});

test('an image must be named where the features hold several, and a question is about one', async () => {
  const answers = { id2label: { 0: 'dog', 1: 'ball' } };
  await expect(open('VisualBertForQuestionAnswering', { text: 'what ?' }, answers)).rejects.toThrow(
    'choose one with --image',
  );
  const both = { text: 'what ?', images: ['left', 'right'] };
  await expect(open('VisualBertForQuestionAnswering', both, answers)).rejects.toThrow('expected one image, received 2');
  await expect(open('VisualBertModel', { text: 'what ?', images: ['left'] })).rejects.toThrow(
    'no class that gives answers',
  );
});

test('parts of an input that the task does not have are refused', async () => {
  const image = { text: 'what ?', images: ['left'] };
  const parts = {
    choices: { given: ['a', 'b'], owner: 'visual-multiple-choice' },
    objects: { given: ['dog'], owner: 'visual-multiple-choice' },
    phrases: { given: ['what'], owner: 'phrase-grounding' },
  };
  for (const [name, { given, owner }] of Object.entries(parts))
    await expect(open('VisualBertForVisualReasoning', { ...image, [name]: given })).rejects.toThrow(
      `\`${name}\`: expected a model of ${owner}, received `,
    );
});

test("the model's width distinguishes the axes of a grid whose shape does not", async () => {
  const grids = temporaryFolder();
  const [rows, columns] = [REGION_DIM - 1, REGION_DIM + 1];
  writeFileSync(join(grids, '1.npy'), npy(new Float32Array(rows * columns * REGION_DIM), [REGION_DIM, rows, columns]));
  const opened = await open('VisualBertForPreTraining', { text: 'a red dog', features: grids });
  expect(opened.input).toMatchObject({ regions: { count: rows * columns, dim: REGION_DIM } });
  await opened.close();
});

/** A hub with one repository, which holds the files of a folder; notes which files it is asked for. */
async function hubOf(folder: string, asked: string[]): Promise<Server> {
  const server = createServer((request, response) => {
    const name = /^\/own\/model\/resolve\/main\/([\w.-]+)$/.exec(request.url ?? '')?.[1] ?? '';
    if (request.method === 'HEAD') asked.push(name);
    const commit = { 'x-repo-commit': 'a'.repeat(40) };
    if (!existsSync(join(folder, name)))
      return void response.writeHead(404, { ...commit, 'x-error-code': 'EntryNotFound' }).end();
    const bytes = readFileSync(join(folder, name));
    const etag = `"${createHash('sha256').update(bytes).digest('hex')}"`;
    response.writeHead(200, { ...commit, etag, 'content-length': bytes.length });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

test('a hub is asked for each file once', async () => {
  const before = { ...process.env };
  const model = await writeCheckpoint('VisualBertForQuestionAnswering', {
    config: { id2label: { 0: 'dog', 1: 'ball' } },
  });
  const asked: string[] = [];
  const server = await hubOf(model, asked);
  const cache = temporaryFolder();
  process.env['HF_ENDPOINT'] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env['HF_HUB_CACHE'] = cache;
  delete process.env['HF_HUB_OFFLINE'];
  try {
    const options = { text: 'what ?', images: ['left'], features, compile: false };
    await (await openOneInput({ model: 'own/model', ...options })).close();
  } finally {
    for (const name of ['HF_ENDPOINT', 'HF_HUB_CACHE', 'HF_HUB_OFFLINE'])
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    server.close();
  }
  expect(asked).toContain('config.json');
  expect(asked.toSorted()).toEqual([...new Set(asked)].toSorted());
});
